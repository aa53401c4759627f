"""The way to an endpoint: through which proxy, and trusting whose certificates, as the environment has it.

httpx reads the same variables, but all of them for every endpoint: it does not start where one holds what it cannot
use, even if this endpoint has no need of it.
"""

from __future__ import annotations

import os
import re
import ssl
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from urllib.request import getproxies_environment

import httpx

from vulngames.errors import UserError

# A host of NO_PROXY: an address in brackets, a name or an address of version 4, each with a port or not, or one bare.
_ENTRY = re.compile(
    r"\[(?P<six>[^]]+)\](?P<wide>/\d+)?(?::(?P<port6>\d+))?|(?P<name>[^:]+)(?::(?P<port>\d+))?|(?P<bare>.+)"
)
CONNECT_S = 15.0
"""The longest wait for a connection, in seconds: who listens takes it at once, however long the answer then is."""
_USUAL_PORTS = {"http": 80, "https": 443}


def client(url: str, headers: dict[str, str], timeout_s: float, connections: int) -> httpx.Client:
    """A client for requests to `url`, as HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR
    have it.

    Raises:
        UserError: one of them that matters for `url` cannot be used. What it holds is not repeated: a proxy's URL may
            hold a password.
    """
    parts = httpx.URL(url)
    proxy = _proxy(parts)
    return httpx.Client(
        headers=headers,
        timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_S)),
        limits=httpx.Limits(max_connections=connections),
        proxy=proxy,
        verify=_certificates() if parts.scheme == "https" else True,
        trust_env=False,
    )


def through(url: str) -> str:
    """The variable that names the proxy on the way to `url`; empty if there is none."""
    named = _named(httpx.URL(url))
    return named[0] if named else ""


def _proxy(url: httpx.URL) -> httpx.Proxy | None:
    named = _named(url)
    return _usable(*named, url.host) if named else None


def _named(url: httpx.URL) -> tuple[str, str] | None:
    """The variable that names the proxy for `url`, and what it holds."""
    named = getproxies_environment()
    if _is_direct(url.host, url.port or _USUAL_PORTS[url.scheme], named.get("no", "")):
        return None
    for scheme in (url.scheme, "all"):
        if value := named.get(scheme, "").strip():
            return f"{scheme.upper()}_PROXY", value
    return None


def _usable(variable: str, value: str, host: str) -> httpx.Proxy:
    try:
        proxy = httpx.Proxy(value if "://" in value else f"http://{value}")
    except (ValueError, httpx.InvalidURL):
        proxy = None
    if proxy is None or not proxy.url.host:
        raise UserError(f"{variable} is no URL of a proxy; valid: http://HOST:PORT, or {host} in NO_PROXY")
    if proxy.url.scheme.startswith("socks") and find_spec("socksio") is None:
        needs = "which needs socksio: pip install 'httpx[socks]'"
        raise UserError(f"{variable} names a SOCKS proxy, {needs}; or an http proxy, or {host} in NO_PROXY")
    return proxy


def _is_direct(host: str, port: int, no_proxy: str) -> bool:
    """Whether NO_PROXY, hosts and networks after commas or spaces, names this one."""
    for entry in re.split(r"[,\s]+", no_proxy.strip().lower()):
        if entry == "*":
            return True
        rule = _ENTRY.fullmatch(entry.rpartition("://")[2].rstrip("/"))
        if rule is None or int(rule["port"] or rule["port6"] or port) != port:
            continue
        named = rule["name"] or rule["bare"] or f"{rule['six']}{rule['wide'] or ''}"
        if _is_within(host, named) or f".{host}".endswith(f".{named.lstrip('*').lstrip('.')}"):
            return True
    return False


def _is_within(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False


def _certificates() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as problem:
        name = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), None)
        if name is None:
            raise
        reason = problem.strerror or "it holds no certificate"
        raise UserError(f"{name} = {os.environ[name]!r} cannot be used: {reason}; valid: certificates in PEM") from None
