<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${words.verdict_line(rehearsal).partition(":")[0]}: ${rehearsal.project} ${rehearsal.plan.base_revision} → ${rehearsal.plan.target_revision}</title>
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
.figures { display: flex; flex-wrap: wrap; gap: 4px 28px; margin: 10px 0 0; padding: 0; }
.figures div { display: flex; flex-direction: column-reverse; } .figures dt { color: var(--faint);
  font-size: 13px; } .figures dd { margin: 0; font-size: 20px; font-weight: 600; }
.lanes { display: grid; grid-template-columns: minmax(0, 230px) minmax(0, 1fr); align-items: center;
  gap: 3px 12px; } .lanes h3 { grid-column: 1 / -1; font-size: 13px; font-weight: 600; margin: 8px 0 0;
  color: var(--faint); } .label { overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  font-size: 13px; }
.track { position: relative; height: 24px; background: var(--card) linear-gradient(90deg,
  var(--line) 1px, transparent 1px) 0 0 / 25% 100%; border-right: 1px solid var(--line); }
.bar { position: absolute; top: 3px; bottom: 3px; border-radius: 3px; box-sizing: border-box;
  overflow: hidden; white-space: nowrap; font: 11px/18px ui-monospace, monospace; color: #fff;
  box-shadow: inset -1px 0 var(--paper); } .bar span { padding-left: 5px; }
.ticks { grid-column: 2; display: flex; justify-content: space-between; font-size: 12px;
  color: var(--faint); }
.statement { background: var(--bar); } .failed { background: var(--blocked); }
.lock.all { background: var(--all); } .lock.writes { background: var(--writes); color: #000; }
.lock.none { background: var(--none); color: #000; }
.legend span { display: inline-block; margin-right: 18px; } .legend i { display: inline-block;
  width: 12px; height: 12px; border-radius: 2px; margin-right: 6px; vertical-align: -1px; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top;
  padding: 6px 10px; border-bottom: 1px solid var(--line); } th { font-weight: 600; }
td, li, p, pre { overflow-wrap: anywhere; } td code { overflow-wrap: normal; }
td.number { text-align: right; white-space: nowrap; }
td.error, td.warning, td.info { white-space: nowrap; } .error { color: var(--blocked); } .warning { color: var(--review); } .info { color: var(--faint); }
ins { color: var(--safe); text-decoration: none; } del { color: var(--blocked); text-decoration: none; }
pre { margin: 0; white-space: pre-wrap; }
@media (max-width: 760px) { body { padding: 12px; } .lanes { grid-template-columns: minmax(0, 1fr); }
  .ticks { grid-column: 1; } thead { display: none; } table, tbody, tr, td { display: block; }
  tr { border-bottom: 1px solid var(--line); padding: 6px 0; } td { border: 0; padding: 1px 0; }
  td.number { text-align: left; } td:empty { display: none; } }
</style>
</head>
<body>
<main>
<div class="verdict ${rehearsal.verdict}">
<h1><b>${words.verdict_line(rehearsal).partition(":")[0]}</b>:${words.verdict_line(rehearsal).partition(":")[2]}</h1>
<p class="faint">Rehearsal of ${words.origin(rehearsal)}</p>
<p>${words.summary(rehearsal)}</p>
<dl class="figures">
% for name, figure in words.key_figures(rehearsal):
<div><dt>${name}</dt><dd>${figure}</dd></div>
% endfor
</dl>
% if rehearsal.not_tried:
<p>${words.not_tried(rehearsal)}.</p>
% endif
</div>

<h2>Findings</h2>
% if rehearsal.findings:
<table>
<thead><tr><th></th><th>rule</th><th>revision</th><th>problem / fix</th></tr></thead>
<tbody>
% for finding in findings:
<tr><td class="${finding.severity}">${finding.severity}</td><td><code>${finding.rule}</code><br><span
class="faint">${finding.source}</span></td><td><code>${finding.revision or ""}</code>
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
% if len(rehearsal.findings) > len(findings):
<p class="faint">and ${len(rehearsal.findings) - len(findings)} more findings.</p>
% endif
% else:
<p>None.</p>
% endif

<%def name="rows(lanes)">
% for lane in lanes:
<div class="label" title="${lane.label}">${lane.label}</div>
<div class="track">
% for bar in lane.bars:
<div class="bar ${bar.style}" style="left: ${bar.left}%; width: ${bar.width}%" title="${bar.title}"><span>${bar.text}</span></div>
% endfor
</div>
% endfor
</%def>
% if groups:
<h2>Timeline</h2>
<div class="lanes">
<h3>Statements, by revision</h3>
${rows(statement_lanes)}
<h3>Locks, by table, until the end of the transaction</h3>
${rows(lock_lanes)}
<div class="ticks">
% for text in ticks:
<span>${text}</span>
% endfor
</div>
</div>
<p class="legend"><span><i style="background: var(--bar)"></i>a statement runs</span><span><i
style="background: var(--all)"></i>readers and writers of the table wait</span><span><i
style="background: var(--writes)"></i>its writers wait</span><span><i
style="background: var(--none)"></i>locked, and nobody waits</span></p>
% endif

<h2>Statements</h2>
<table>
<thead><tr><th></th><th>revision</th><th>statement</th><th>duration</th><th>locks</th><th>effects</th></tr></thead>
<tbody>
% for group in groups:
<tr>
<td class="number">${group.number}</td>
<td><code>${group.revision.revision}</code></td>
<td><pre class="sql">${words.unindented(group.sql)}</pre></td>
<td class="number">${words.group_duration(group)}</td>
<td>
% for lock in group.locks:
<div>${words.lock_words(lock)} <span class="faint">(${words.who_waits(lock.mode)})</span></div>
% endfor
</td>
<td>${words.effects(group)}
% if group.rows is not None:
<span class="faint">${words.counted(group.rows, "row")}</span>
% endif
% if group.failed:
<span class="error">failed</span>
% endif
</td>
</tr>
% endfor
</tbody>
</table>
% if more_groups:
<p class="faint">and ${more_groups} more statements of less weight.</p>
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
% for change in changes:
<tr><td>${change.object.label}</td><td><pre class="sql"><del>${change.was.text if change.was else ""}</del></pre></td><td><pre
class="sql"><ins>${change.now.text if change.now else ""}</ins></pre></td></tr>
% endfor
</tbody>
</table>
% if len(rehearsal.changes) > len(changes):
<p class="faint">and ${len(rehearsal.changes) - len(changes)} more objects.</p>
% endif
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
