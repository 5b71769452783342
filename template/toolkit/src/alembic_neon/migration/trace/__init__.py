"""What each statement locks, rewrites and scans."""
