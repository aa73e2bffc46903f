from pageview
where pageview_id = $pageview::uuid;
