"""Pages of other origins: none may read an answer unless its origin is configured."""
import pytest
from front import Answer, Front

ORIGIN = "https://console.example"


def ask(front, method, origin, *headers):
    lines = [f"{method} /sandbox HTTP/1.1", "Host: h", f"Origin: {origin}", "Connection: close", *headers]
    with front.connect() as s:
        s.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        return Answer(s)


def cors(answer):
    return {name for name in answer.headers if name.startswith("access-control-")}


@pytest.fixture
def front(request):
    front = Front(**request.param)
    yield front
    front.stop()


@pytest.mark.parametrize("front", [{}], indirect=True)
def test_none_is_let_in_by_default(front):
    assert not cors(ask(front, "GET", ORIGIN))
    preflight = ask(front, "OPTIONS", ORIGIN, "Access-Control-Request-Method: POST")
    assert preflight.status == 405 and preflight.headers["allow"] == "POST, GET, HEAD" and not cors(preflight)


@pytest.mark.parametrize("front", [{"CORRAL_CORS_ORIGINS": f"http://localhost:8080,{ORIGIN}"}], indirect=True)
def test_who_is_configured_is_let_in(front):
    answer = ask(front, "GET", ORIGIN)
    assert answer.status == 401 and answer.headers["access-control-allow-origin"] == ORIGIN and answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers
    preflight = ask(front, "OPTIONS", ORIGIN, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: x-api-key")
    assert preflight.status == 204 and preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "X-API-Key" in preflight.headers["access-control-allow-headers"]
    for other in ("https://console.example.evil", "https://console.exampl", "null", "https://evil.example"):
        assert not cors(ask(front, "GET", other))
