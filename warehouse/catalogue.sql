with relation as (
    select
        database_oid, table_oid as oid, table_name as name, comment, false as is_view,
        database_name, schema_name, internal
    from duckdb_tables()
    union all
    select
        database_oid, view_oid, view_name, comment, true, database_name, schema_name, internal
    from duckdb_views()
)

select
    relation.name,
    coalesce(relation.comment, '') as comment,
    relation.is_view,
    list(
        {
            'name': field.column_name,
            'type': field.data_type,
            'comment': coalesce(field.comment, ''),
            'nullable': field.is_nullable
        }
        order by field.column_index
    ) as columns
from relation
join duckdb_columns() as field
    on field.database_oid = relation.database_oid and field.table_oid = relation.oid
where
    relation.database_name in ('warehouse', 'temp')
    and not relation.internal
    and relation.schema_name = 'main'
group by relation.name, relation.comment, relation.is_view, relation.oid
order by relation.is_view, relation.name;
