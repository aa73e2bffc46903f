-- Whether a `record` of a segment is none of the visitors' in the table `forgotten`, or is an erasure: then
-- its place stands in the table `ordered`. A record that could not be read is theirs if its key is, or if it
-- or its key names them anywhere, in capitals or without hyphens too.
(exists (
    from ordered
    where ordered.partition = record.partition and ordered."offset" = record."offset"
) or (
    not exists (
        from forgotten
        where
            forgotten.visitor_id = coalesce(record.visitor_id::varchar, try(decode(record.key)))
            and coalesce(record.received_at, epoch_ms(record."timestamp")) <= forgotten.received_at
    ) and not coalesce(
        -- The text is made once for each record, as a list of one, and not for each visitor.
        case when record.type is null then len(list_filter(
            [{
                'text': replace(
                    lower(concat(record.key::varchar, ' ', record.value::varchar)), '-', ''
                ),
                'them': (
                    select list({'id': replace(visitor_id, '-', ''), 'received_at': received_at})
                    from forgotten
                )
            }],
            lambda row: len(list_filter(
                row.them,
                lambda each: contains(row."text", each.id)
                and epoch_ms(record."timestamp") <= each.received_at
            )) > 0
        )) > 0 end,
        false
    )
))
