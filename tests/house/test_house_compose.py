"""compose.yaml: SQLite out of the box, PostgreSQL by profile, no password that ships with it."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml  # type: ignore[import-untyped]
from sqlalchemy import make_url

ROOT = Path(__file__).parents[2]
PASSWORD = "s3cret 'quoted' $HOME `date`"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return parsed


def test_one_service_starts_by_default_on_a_volume(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert [name for name, it in services.items() if "profiles" not in it] == ["throughline"]
    assert services["throughline"]["volumes"] == ["data:/data"]
    assert "THROUGHLINE_DATABASE_URL" not in services["throughline"]["environment"]
    assert {it["profiles"][0] for it in services.values() if "profiles" in it} == {"postgres"}


def test_every_volume_is_declared(compose: dict[str, Any]) -> None:
    mounted = {
        volume.split(":")[0] for it in compose["services"].values() for volume in it["volumes"]
    }
    assert mounted == set(compose["volumes"])


def test_the_service_waits_for_the_migration_and_that_for_the_database(
    compose: dict[str, Any],
) -> None:
    services = compose["services"]
    assert services["throughline-postgres"]["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"}
    }
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["migrate"]["command"] == ["migrate"]
    assert services["migrate"]["restart"] == "no"
    assert services["database"]["healthcheck"]["test"][1] == "pg_isready"
    assert re.fullmatch(r"postgres:15\.\d+-\w+", services["database"]["image"])


def test_no_password_has_a_default(compose: dict[str, Any]) -> None:
    text = (ROOT / "compose.yaml").read_text()
    filled = re.findall(r"\$\{(\w+)(:?[-?+])?([^}]*)\}", re.sub(r"(?m)#.*$", "", text))
    private = {name: value for name, _, value in filled if re.search("PASSWORD|SECRET", name)}
    assert private == {"POSTGRES_SERVICE_PASSWORD": "", "POSTGRES_OWNER_PASSWORD": ""}
    # A secret from the environment is what makes Compose refuse to start without it.
    assert compose["secrets"] == {
        "owner_password": {"environment": "POSTGRES_OWNER_PASSWORD"},
        "service_password": {"environment": "POSTGRES_SERVICE_PASSWORD"},
    }
    assert set(compose["services"]["database"]["secrets"]) == set(compose["secrets"])
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            if re.search("PASSWORD|SECRET", name):
                assert value is None or str(value).startswith(("${", "/run/secrets/")), name
            if name.endswith("_URL") and value:
                assert make_url(value).password is None


def test_no_value_is_required_that_the_default_service_does_not_need() -> None:
    # Compose fills in the whole file before it looks at profiles: ${NAME:?} anywhere would stop
    # `docker compose up` for those who want SQLite.
    text = re.sub(r"(?m)#.*$", "", (ROOT / "compose.yaml").read_text())
    assert not re.search(r"\$\{\w+:?\?", text)


def test_ports_are_published_to_this_machine_only(compose: dict[str, Any]) -> None:
    ports = [port for it in compose["services"].values() for port in it.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", ["throughline", "throughline-postgres", "migrate"])
def test_our_containers_have_no_rights_to_spare(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service, "the image names its user"


@pytest.fixture
def service_role_script(compose: dict[str, Any], tmp_path: Path) -> Path:
    script = tmp_path / "role.sh"
    script.write_text(compose["configs"]["service_role"]["content"].replace("$$", "$"))
    return script


def _set_up(script: Path, url: str, password: str) -> subprocess.CompletedProcess[str]:
    """Run the script as the image's own set-up does, against one database."""
    address = make_url(url)
    secret = script.with_name("secret")
    secret.write_text(password)
    return subprocess.run(
        ["bash", "-Eeo", "pipefail", "-c", f". {script}"],
        env={
            "PATH": os.environ["PATH"],
            "PGHOST": str(address.host),
            "PGPORT": str(address.port),
            "POSTGRES_USER": str(address.username),
            "POSTGRES_DB": str(address.database),
            "SERVICE_PASSWORD_FILE": str(secret),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_serving_role_may_add_rows_but_not_tables(
    service_role_script: Path, postgres_database: str
) -> None:
    done = _set_up(service_role_script, postgres_database, PASSWORD)
    assert done.returncode == 0, done.stderr
    owner = postgres_database.replace("+psycopg", "")
    with psycopg.connect(owner, autocommit=True) as connection:
        try:
            connection.execute(
                "CREATE TABLE facts (seq BIGINT GENERATED ALWAYS AS IDENTITY, n INT)"
            )
            serving = make_url(owner).set(username="throughline_service")
            with psycopg.connect(
                serving.render_as_string(), password=PASSWORD, autocommit=True
            ) as service:
                service.execute("INSERT INTO facts (n) VALUES (7)")
                assert service.execute("SELECT seq, n FROM facts").fetchall() == [(1, 7)]
                for forbidden in (
                    "CREATE TABLE mine (n INT)",
                    "ALTER TABLE facts ADD COLUMN m INT",
                    "DROP TABLE facts",
                ):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        service.execute(forbidden)
        finally:
            connection.execute("DROP OWNED BY throughline_service")
            connection.execute("DROP ROLE throughline_service")


def test_an_empty_password_stops_the_set_up(
    service_role_script: Path, postgres_database: str
) -> None:
    done = _set_up(service_role_script, postgres_database, "")
    assert done.returncode == 1
    assert "POSTGRES_SERVICE_PASSWORD is empty" in done.stderr
