"""The company an e-mail address belongs to; mail services are nobody's company."""

import pytest

from service.collect.identifiers import email_domain


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        pytest.param("Ann@Acme.COM", "acme.com", id="lower case"),
        pytest.param("info@acme.com", "acme.com", id="an office is in its company"),
        pytest.param("ann@пример.рф", "xn--e1afmkfd.xn--p1ai", id="IDNA"),
        pytest.param("ann@mail.acme.com", "mail.acme.com", id="subdomain"),
        pytest.param("ann@notgmail.com", "notgmail.com", id="resembles a mail service"),
        pytest.param("ann@gmail.com", None, id="gmail"),
        pytest.param("ann@WP.pl", None, id="wp.pl"),
        pytest.param("ann@o2.pl", None, id="o2.pl"),
        pytest.param("ann@qq.com", None, id="qq"),
        pytest.param("ann@mail.ru", None, id="mail.ru"),
        pytest.param("ann@yandex.ru", None, id="yandex"),
        pytest.param("ann@proton.me", None, id="proton"),
        pytest.param("ann", None, id="no address"),
        pytest.param("", None, id="empty"),
        pytest.param("a" * 2000 + "@acme.com", None, id="too long"),
    ],
)
def test_domain_of_the_company(value: str, domain: str | None) -> None:
    assert email_domain(value) == domain
