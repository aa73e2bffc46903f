create or replace temp table fact as from facts_of('batch');
