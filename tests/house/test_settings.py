from pathlib import Path

import pytest
from pydantic import ValidationError

from dwell.errors import SettingInvalid
from dwell.settings import Settings, default_of, expected_of, option_of, variable_of


def test_an_option_wins_over_a_variable_and_a_variable_over_the_default() -> None:
    assert Settings.read(environ={}).port == 8000
    assert Settings.read(environ={"DWELL_PORT": "81"}).port == 81
    assert Settings.read({"port": "82"}, {"DWELL_PORT": "81"}).port == 82
    assert Settings.read({"port": None}, {"DWELL_PORT": "81"}).port == 81


def test_an_empty_variable_counts_as_none() -> None:
    assert Settings.read(environ={"DWELL_PORT": ""}).port == 8000


def test_an_unknown_variable_is_left_alone() -> None:
    assert Settings.read(environ={"DWELL_UNHEARD_OF": "1"}) == Settings()


def test_the_process_s_own_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DWELL_DATA", "/somewhere")
    settings = Settings.read()
    assert settings.published == Path("/somewhere/warehouse.duckdb")
    assert settings.warehouse == Path("/somewhere/live/warehouse.duckdb")
    assert settings.embedded_log == Path("/somewhere/live/log.sqlite")
    assert Settings.read({"log": "embedded:/else/where"}).embedded_log == Path("/else/where")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log", "kafkaesque:"),
        ("log", "kafka://a:9092,b:65536/t"),
        ("host", ""),
        ("port", "http"),
        ("port", "0"),
        ("port", "65536"),
        ("port", "80.5"),
        ("prefix", "dwell"),
        ("prefix", "/dwell/"),
        ("prefix", "/"),
        ("prefix", "/a//b"),
        ("prefix", "/a?b"),
        ("allowed_origins", "shop.example"),
        ("allowed_origins", "https://shop.example/"),
        ("allowed_origins", "https://shop.example/path"),
        ("allowed_origins", "https://someone@shop.example"),
        ("allowed_origins", "https://shop.example:port"),
        ("allowed_origins", "https://a.example ftp://b.example"),
        ("allowed_origins", "null"),
        ("allowed_origins", "*"),
        ("allowed_origins", "https://*"),
        ("allowed_origins", "https://*.shop.example"),
        ("allowed_origins", "https://bücher.example"),
        ("allowed_origins", "https://shop.٥xample"),
        ("allowed_origins", "https://shop.example:٨080"),
        ("allowed_origins", "https://shop.example:"),
        ("allowed_origins", "https://shop.example:0"),
        ("allowed_origins", "https://shop.example:443"),
        ("allowed_origins", "http://shop.example:80"),
        ("allowed_origins", "https://shop.example:08443"),
        ("allowed_origins", "https://shop.example:65536"),
        ("allowed_origins", "HTTPS://shop.example"),
        ("allowed_origins", "https://shop..example"),
        ("allowed_origins", "https://127.1"),
        ("allowed_origins", "https://[0:0:0:0:0:0:0:1]"),
        ("allowed_origins", "https://[::1"),
        ("allowed_origins", "https://[1:2]"),
        ("trusted_proxies", "10.0.0.0/33"),
        ("trusted_proxies", "proxy.example"),
        ("rate_limit", "-1"),
        ("rate_limit", "nan"),
        ("rate_limit", "inf"),
        ("cookie_samesite", "strict"),
        ("honour_opt_out", "perhaps"),
        ("require_consent", "perhaps"),
        ("durable_within", "0"),
        ("durable_within", "soon"),
        ("durable_within", "inf"),
        ("waiting_bytes", "65535"),
        ("keep_free", "-1"),
        ("keep_free", "1.5GB"),
        ("keep_free", "much"),
        ("keep_free", "5 PB"),
        ("keep_rows", "23h"),
        ("keep_rows", "1y"),
        ("keep_facts", "90"),
        ("keep_facts", "0d"),
        ("keep_facts", "1y"),
        ("keep_facts", "for ever"),
        ("session_timeout", "0"),
        ("batch_facts", "0"),
        ("batch_facts", "1000001"),
        ("batch_seconds", "-0.1"),
        ("publish_seconds", "nan"),
        ("dead_letter_topic", "perhaps"),
        ("shard", "1"),
        ("shard", "0/3"),
        ("shard", "4/3"),
        ("shard", "1/0"),
        ("shard", "01/3"),
        ("shard", "+1/3"),
        ("shard", " 1/3"),
        ("shard", "1 / 3"),
        ("shard", "1/3/5"),
        ("shard", "1/٣"),
        ("shard", "1/10000"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "Europe"),
        ("timezone", "../../etc/passwd"),
        ("timezone", "localtime"),
        ("timezone", "right/Europe/Berlin"),
        ("dashboard_host", ""),
        ("dashboard_port", "65536"),
        ("dashboard_user_header", "X Forwarded User"),
        ("dashboard_user_header", "X-User:"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_in_one_line(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        Settings.read({name: value}, {})
    assert str(caught.value) == f"{option_of(name)} is {value!r}: expected {expected_of(name)}"
    if value:
        with pytest.raises(SettingInvalid) as caught:
            Settings.read({}, {variable_of(name): value})
        assert str(caught.value) == (
            f"{variable_of(name)} is {value!r}: expected {expected_of(name)}"
        )


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("4096", 4096),
        ("256MiB", 2**28),
        ("1 gib", 2**30),
        ("2GB", 2 * 10**9),
        ("3k", 3000),
    ],
)
def test_bytes_are_written_as_people_write_them(text: str, number: int) -> None:
    settings = Settings.read({"keep_free": text}, {})
    assert settings.keep_free == number
    assert Settings.read({}, settings.environment()) == settings


def test_the_message_names_the_thing_its_value_and_what_would_be_right() -> None:
    with pytest.raises(SettingInvalid) as caught:
        Settings.read(environ={"DWELL_PORT": "http"})
    assert str(caught.value) == "DWELL_PORT is 'http': expected a number between 1 and 65535"


def test_a_value_keeps_its_message_to_one_line() -> None:
    with pytest.raises(SettingInvalid) as caught:
        Settings.read(environ={"DWELL_TIMEZONE": "two\nlines"})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"kafka_username": "dwell"},
            "DWELL_KAFKA_USERNAME is 'dwell': expected none while DWELL_KAFKA_SECURITY is "
            "'plaintext', or sasl_plaintext or sasl_ssl there",
        ),
        (
            {"kafka_security": "ssl", "kafka_password_file": "/pw"},
            "DWELL_KAFKA_PASSWORD_FILE is '/pw': expected none while DWELL_KAFKA_SECURITY is "
            "'ssl', or sasl_plaintext or sasl_ssl there",
        ),
        (
            {"kafka_ca_file": "/ca.pem"},
            "DWELL_KAFKA_CA_FILE is '/ca.pem': expected none while DWELL_KAFKA_SECURITY is "
            "'plaintext', or ssl or sasl_ssl there",
        ),
        (
            {
                "kafka_security": "sasl_plaintext",
                "kafka_username": "dwell",
                "kafka_password_file": "/pw",
                "kafka_cert_file": "/cert.pem",
            },
            "DWELL_KAFKA_CERT_FILE is '/cert.pem': expected none while DWELL_KAFKA_SECURITY is "
            "'sasl_plaintext', or ssl or sasl_ssl there",
        ),
        (
            {"kafka_security": "ssl", "kafka_key_file": "/key.pem"},
            "DWELL_KAFKA_KEY_FILE is '/key.pem': expected none without DWELL_KAFKA_CERT_FILE, "
            "the certificate that the key belongs to",
        ),
    ],
)
def test_what_would_be_given_to_kafka_in_vain_is_refused(
    given: dict[str, str], expected: str
) -> None:
    with pytest.raises(SettingInvalid) as caught:
        Settings.read({}, {variable_of(name): value for name, value in given.items()})
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "secret", ["user:s3cret@", "user:s3@cret/@", "s3cret@", ":s3cret@", "user:s3\ncret@"]
)
def test_a_password_in_the_log_is_not_repeated(secret: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        Settings.read({}, {"DWELL_LOG": f"kafka://{secret}host:9092/t"})
    assert str(caught.value).startswith("DWELL_LOG is 'kafka://***@host:9092/t': expected ")
    assert "the password in the file that DWELL_KAFKA_PASSWORD_FILE names" in str(caught.value)
    assert "cret" not in str(caught.value)


def test_a_key_that_stands_where_its_digest_belongs_is_not_repeated() -> None:
    with pytest.raises(SettingInvalid) as caught:
        Settings.read({}, {"DWELL_API_KEYS": "till:dwell_s3cret"})
    assert str(caught.value).startswith("DWELL_API_KEYS holds something that is no digest of a key")
    assert "cret" not in str(caught.value)


def test_a_shard_has_a_file_and_a_publication_of_its_own() -> None:
    settings = Settings.read({"shard": "1/3", "data": "/data"}, {})
    assert settings.warehouse == Path("/data/live/warehouse-1-of-3.duckdb")
    assert settings.publication == Path("/data/shards-of-3/1.duckdb")
    assert settings.published == Path("/data/warehouse.duckdb")
    whole = Settings.read({"data": "/data"}, {"DWELL_SHARD": ""})
    assert whole.warehouse == Path("/data/live/warehouse.duckdb")
    assert whole.publication == whole.published == Path("/data/warehouse.duckdb")


def test_each_partition_is_one_shard_s() -> None:
    shares = [Settings.read({"shard": f"{number}/3"}, {}).share for number in (1, 2, 3)]
    owned = [[each for each in range(7) if share and share.owns(each)] for share in shares]
    assert owned == [[0, 3, 6], [1, 4], [2, 5]]


def test_lists_are_written_with_spaces_or_commas() -> None:
    settings = Settings.read(
        {
            "allowed_origins": "https://a.example, http://B.example:8080",
            "trusted_proxies": "10.0.0.7,fd00::/8 192.168.1.5/24",
        },
        {},
    )
    assert settings.allowed_origins == ("https://a.example", "http://b.example:8080")
    assert settings.trusted_proxies == ("10.0.0.7/32", "fd00::/8", "192.168.1.0/24")
    assert [network.version for network in settings.trusted_networks] == [4, 6, 4]


@pytest.mark.parametrize(
    "origin",
    [
        "http://shop.example:443",
        "https://shop.example:80",
        "https://localhost:8443",
        "https://my_shop.example.",
        "https://xn--bcher-kva.example",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
        "http://[2001:db8::7]",
    ],
)
def test_an_origin_as_browsers_write_it_is_taken(origin: str) -> None:
    assert Settings.read({"allowed_origins": origin}, {}).allowed_origins == (origin,)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1


def test_every_default_can_be_written_as_it_is_shown() -> None:
    shown = {variable_of(name): default_of(name) for name in Settings.model_fields}
    assert Settings.read({}, shown) == Settings()


def test_every_setting_says_what_it_is_and_what_is_right() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert expected_of(name), name


def test_settings_survive_the_way_through_the_environment() -> None:
    settings = Settings.read(
        {"allowed_origins": "https://a.example", "honour_opt_out": "no", "batch_seconds": "0.5"}, {}
    )
    assert Settings.read({}, settings.environment()) == settings
