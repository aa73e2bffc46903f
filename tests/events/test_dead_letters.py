from dwell.events.dead_letters import DeadLetter, headers_of

LETTER = DeadLetter(3, 17, b"key", b"junk", 5, "not_json", "the record is not JSON")


def test_a_letter_is_described_by_the_names_of_kafka_connect() -> None:
    assert headers_of(LETTER, "facts") == [
        ("__connect.errors.topic", b"facts"),
        ("__connect.errors.partition", b"3"),
        ("__connect.errors.offset", b"17"),
        ("__connect.errors.connector.name", b"dwell"),
        ("__connect.errors.task.id", b"0"),
        ("__connect.errors.stage", b"VALUE_CONVERTER"),
        ("__connect.errors.class.name", b"dwell.consumers.judge"),
        ("__connect.errors.exception.class.name", b"dwell.schemas.refusals.Refusal"),
        ("__connect.errors.exception.message", b"not_json: the record is not JSON"),
        (
            "__connect.errors.exception.stacktrace",
            b"dwell.schemas.refusals.Refusal: not_json: the record is not JSON\n",
        ),
    ]


def test_a_detail_that_no_utf8_can_hold_is_escaped() -> None:
    quoted = DeadLetter(0, 0, None, b"", 0, "invalid_field", "view is \ud800: é")
    described = dict(headers_of(quoted, "facts"))
    message = described["__connect.errors.exception.message"]
    assert message == "invalid_field: view is \\ud800: é".encode()
