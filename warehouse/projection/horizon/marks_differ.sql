select exists (from changed_mark) or exists (from dropped_session where until < horizon());
