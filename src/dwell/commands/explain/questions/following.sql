from pageview
where previous_pageview_id = $pageview::uuid
order by started_at, pageview_id;
