from visibility_change
where pageview_id = $pageview::uuid
order by seq;
