import pytest
from redis.exceptions import (
    BusyLoadingError,
    DataError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from bot.state.store_errors import is_unavailable


@pytest.mark.parametrize(
    "error",
    [
        RedisConnectionError("gone"),
        BusyLoadingError("Redis is loading the dataset in memory"),
        OutOfMemoryError("OOM command not allowed when used memory > 'maxmemory'."),
        ReadOnlyError("READONLY You can't write against a read only replica."),
        ResponseError("MISCONF Redis is configured to save RDB snapshots, but it's unable to persist to disk."),
        ResponseError("NOREPLICAS Not enough good replicas to write."),
        ResponseError("Command # 1 (HSET a b) of pipeline caused error: MISCONF Errors writing to the AOF file"),
    ],
    ids=lambda error: str(error)[:12],
)
def test_a_server_that_is_gone_or_refuses_writes_is_unavailable(error: RedisError) -> None:
    assert is_unavailable(error)


@pytest.mark.parametrize(
    "error",
    [
        ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"),
        ResponseError("hash value is not an integer"),
        ResponseError("Command # 1 (SET k OOM) of pipeline caused error: ERR syntax error"),
        DataError("Invalid input"),
    ],
    ids=lambda error: str(error)[:12],
)
def test_a_refused_command_is_no_reason_to_wait(error: RedisError) -> None:
    assert not is_unavailable(error)
