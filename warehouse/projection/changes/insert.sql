insert into warehouse.visibility_change from batch_change;
