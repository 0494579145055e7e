-- Lets a member into a room, or keeps them there. KEYS: the room. ARGV: the member, milliseconds until they are gone.
-- Answers with 1 if they weren't there.
local time = redis.call('TIME')
local now = time[1] * 1e3 + math.floor(time[2] / 1e3)
local until_ms = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return until_ms > now and 0 or 1
