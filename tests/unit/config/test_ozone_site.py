"""ozone-site.xml in Ozone's own form (M154): what has a meaning becomes a setting, the rest is named, nonsense is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.config.loading import load
from holdfast.config.values import ConfigError

SITE = """<?xml version="1.0" encoding="UTF-8"?>
<!-- a comment -->
<configuration>
  <property>
     <name>ozone.s3g.domain.name</name>
     <value>s3g.internal</value>
     <description>virtual hosts</description>
  </property>
  <property><name>ozone.s3g.http-address</name><value>127.0.0.1:9878</value></property>
  <property><name>ozone.om.address</name><value>om:9862</value></property>
  <property><value>true</value><name>ozone.security.enabled</name></property>
</configuration>
"""


def given(tmp_path: Path, text: str) -> str:
    path = tmp_path / "ozone-site.xml"
    path.write_text(text)
    return str(path)


def test_M153_M154_properties_become_settings_and_others_are_named(tmp_path: Path) -> None:
    path = given(tmp_path, SITE)
    loaded = load({"ozone_site": path}, {})
    assert loaded.settings.domain == ("s3g.internal",)
    assert (loaded.settings.data_listen, loaded.settings.security) == ("127.0.0.1:9878", "on")
    assert loaded.origins["domain"] == f"file {path}" and loaded.origins["region"] == "default"
    assert loaded.remarks == [f"{path}: ozone.om.address has no meaning here and is not used"]


def test_M154_the_property_alone_as_ozones_guide_shows_it(tmp_path: Path) -> None:
    text = """<property>
   <name>ozone.s3g.domain.name</name>
   <value>s3g.internal</value>
</property>
"""
    loaded = load({"ozone_site": given(tmp_path, text)}, {})
    assert loaded.settings.domain == ("s3g.internal",) and loaded.remarks == []


def test_what_is_said_elsewhere_counts_more(tmp_path: Path) -> None:
    path = given(tmp_path, SITE)
    assert load({"ozone_site": path, "data_listen": "127.0.0.1:1"}, {}).settings.data_listen == "127.0.0.1:1"
    loaded = load({}, {"HOLDFAST_OZONE_SITE": path, "HOLDFAST_DOMAIN": "a.b"})
    assert loaded.settings.domain == ("a.b",)
    assert f"{path}: what it says of domain is not used, because environment HOLDFAST_DOMAIN says otherwise" in loaded.remarks


@pytest.mark.parametrize(
    "text",
    ["", "<configuration>", "<other/>", "<configuration><property><value>x</value></property></configuration>", "<property/>",
     "<other><property><name>ozone.s3g.region</name><value>x</value></property></other>",
     '<!DOCTYPE c [<!ENTITY x SYSTEM "file:///etc/passwd">]><configuration/>',
     "<configuration><property><name>ozone.s3g.http-address</name><value>nowhere</value></property></configuration>"],
)  # fmt: skip
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"ozone_site|data_listen"):
        load({"ozone_site": given(tmp_path, text)}, {})
    with pytest.raises(ConfigError, match="cannot be read"):
        load({"ozone_site": str(tmp_path / "absent.xml")}, {})


@pytest.mark.parametrize("name", ["data_listen", "control_listen"])
def test_M188_security_off_is_for_loopback_only(name: str) -> None:
    for listen in ("0.0.0.0:9002", "192.0.2.1:9002", "[::]:9002", "example.org:9002", ":9002"):
        with pytest.raises(ConfigError, match="loopback"):
            load({"security": "off", name: listen}, {})
    for listen in ("127.0.0.1:9002", "[::1]:9002", "localhost:9002"):
        assert load({"security": "off", name: listen}, {}).settings.security == "off"
