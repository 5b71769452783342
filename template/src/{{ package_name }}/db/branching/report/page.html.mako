<%!
    LANE = 26
%><!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Rehearsal ${rehearsal.plan.base_revision} → ${rehearsal.plan.target_revision}: ${rehearsal.verdict}</title>
<style>
:root { color-scheme: light dark; --ink: #1f2328; --faint: #656d76; --paper: #fff; --line: #d0d7de;
  --card: #f6f8fa; --safe: #1a7f37; --review: #9a6700; --blocked: #cf222e; --bar: #0969da;
  --all: #cf222e; --writes: #e8830c; --none: #8c959f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --faint: #9198a1; --paper: #0d1117;
  --line: #3d444d; --card: #161b22; --safe: #3fb950; --review: #d29922; --blocked: #f85149;
  --bar: #4493f8; --all: #f85149; --writes: #f0883e; --none: #6e7681; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 0 auto; max-width: 1180px; padding: 24px; }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 17px; margin: 32px 0 8px; }
code, .sql { font-family: ui-monospace, monospace; font-size: 13px; overflow-wrap: anywhere; }
.verdict { border-left: 8px solid; padding: 14px 18px; background: var(--card); border-radius: 6px; }
.verdict.safe { border-color: var(--safe); } .verdict.review { border-color: var(--review); }
.verdict.blocked { border-color: var(--blocked); }
.verdict.safe b { color: var(--safe); } .verdict.review b { color: var(--review); }
.verdict.blocked b { color: var(--blocked); }
.verdict p { margin: 4px 0 0; } .faint { color: var(--faint); }
ul { padding-left: 20px; margin: 8px 0; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); } svg .tick { fill: var(--faint); }
svg .grid { stroke: var(--line); } svg .stripe { fill: var(--card); }
.statement { fill: var(--bar); } .failed { fill: var(--blocked); } .all { fill: var(--all); }
.writes { fill: var(--writes); } .none { fill: var(--none); opacity: .55; }
.legend span { display: inline-block; margin-right: 18px; } .legend i { display: inline-block;
  width: 12px; height: 12px; border-radius: 2px; margin-right: 6px; vertical-align: -1px; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top;
  padding: 6px 10px; border-bottom: 1px solid var(--line); } th { font-weight: 600; }
td.number { text-align: right; white-space: nowrap; }
.error { color: var(--blocked); } .warning { color: var(--review); } .info { color: var(--faint); }
ins { color: var(--safe); text-decoration: none; } del { color: var(--blocked); text-decoration: none; }
pre { margin: 0; white-space: pre-wrap; }
</style>
</head>
<body>
<main>
<div class="verdict ${rehearsal.verdict}">
<h1><b>${rehearsal.verdict}</b>: ${words.VERDICT_WORDS[rehearsal.verdict].partition(": ")[2]}</h1>
<p>${words.summary(rehearsal)}</p>
% if rehearsal.reasons:
<ul>
% for finding in rehearsal.reasons:
<li>${finding.message}</li>
% endfor
</ul>
% endif
</div>

% if lanes:
<h2>What happened when</h2>
<%
    label = 240
    height = LANE * len(lanes) + 34
%>
<svg viewBox="0 0 ${label + axis_width + 20} ${height}" role="img" aria-label="Timeline of statements and locks">
% for index, lane in enumerate(lanes):
% if index % 2 == 0:
<rect class="stripe" x="0" y="${index * LANE}" width="${label + axis_width + 20}" height="${LANE}"/>
% endif
% endfor
% for left, text in ticks:
<line class="grid" x1="${label + left}" x2="${label + left}" y1="0" y2="${LANE * len(lanes) + 6}"/>
<text class="tick" x="${label + left}" y="${LANE * len(lanes) + 24}" text-anchor="${'end' if left == axis_width else 'middle' if left else 'start'}">${text}</text>
% endfor
% for index, lane in enumerate(lanes):
<text x="8" y="${index * LANE + 17}">${words.shortened(lane.label, 36)}<title>${lane.label}</title></text>
% for bar in lane.bars:
<rect class="${bar.style}" x="${label + bar.left}" y="${index * LANE + 5}" width="${bar.width}" height="${LANE - 10}" rx="2"><title>${bar.title}</title></rect>
% endfor
% endfor
</svg>
<p class="legend"><span><i style="background: var(--bar)"></i>a statement runs</span><span><i
style="background: var(--all)"></i>readers and writers of the table wait</span><span><i
style="background: var(--writes)"></i>its writers wait</span><span><i
style="background: var(--none)"></i>locked, and nobody waits</span></p>
% endif

<h2>Statements</h2>
<table>
<thead><tr><th>revision</th><th>statement</th><th>took</th><th>locks</th><th>work</th></tr></thead>
<tbody>
% for revision in rehearsal.revisions:
% for statement in revision.statements:
<tr>
<td><code>${revision.revision}</code></td>
<td><pre class="sql">${statement.sql.strip()}</pre></td>
<td class="number">${words.duration(statement.duration_ms)}</td>
<td>
% for lock in statement.locks:
<div>${words.lock_words(lock)} <span class="faint">(${words.who_waits(lock.mode)})</span></div>
% endfor
</td>
<td>${words.effects(statement)}
% if statement.rows is not None:
<span class="faint">${statement.rows} rows</span>
% endif
% if statement.failed:
<span class="error">failed</span>
% endif
</td>
</tr>
% endfor
% endfor
</tbody>
</table>

<h2>Findings</h2>
% if rehearsal.findings:
<table>
<thead><tr><th></th><th>rule</th><th>revision</th><th>what and what to do</th></tr></thead>
<tbody>
% for finding in rehearsal.findings:
<tr><td class="${finding.severity}">${finding.severity}</td><td><code>${finding.rule}</code><br><span
class="faint">${finding.source}</span></td><td><code>${finding.revision}</code>
% if finding.place:
<br><span class="faint">${finding.place}</span>
% endif
</td><td>${finding.message}
% if finding.hint:
<br><span class="faint">${finding.hint}</span>
% endif
</td></tr>
% endfor
</tbody>
</table>
% else:
<p>None.</p>
% endif

<h2>Round trip</h2>
<p>${words.round_trip_words(rehearsal)}.</p>
% for revision, difference in rehearsal.round_trip.differences:
<pre class="sql">${revision}: ${difference}</pre>
% endfor

% if rehearsal.load is not None:
<h2>Load beside the upgrade</h2>
<p>${rehearsal.load.reads} reads, the longest ${words.duration(rehearsal.load.longest_read_ms)};
${rehearsal.load.writes} writes, the longest ${words.duration(rehearsal.load.longest_write_ms)};
${rehearsal.load.failures} failed.</p>
% endif

<h2>Change of the schema</h2>
% if rehearsal.changes:
<table>
<thead><tr><th>object</th><th>was</th><th>is</th></tr></thead>
<tbody>
% for change in rehearsal.changes:
<tr><td>${change.object}</td><td><pre class="sql"><del>${change.was or ""}</del></pre></td><td><pre
class="sql"><ins>${change.now or ""}</ins></pre></td></tr>
% endfor
</tbody>
</table>
% else:
<p>None.</p>
% endif

<h2>Time</h2>
<p>
% for name, milliseconds in rehearsal.phases_ms.items():
${name} ${words.duration(milliseconds)}${"" if loop.last else ", "}
% endfor
</p>
<p class="faint">Plan <code>${rehearsal.plan.plan_id}</code>, branch ${rehearsal.branch}, started
${rehearsal.started_at.strftime("%Y-%m-%d %H:%M %Z")}.</p>
</main>
</body>
</html>
