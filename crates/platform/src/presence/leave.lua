-- Lets a member out of a room. KEYS: the room. ARGV: the member. Answers with 1 if they were there.
local time = redis.call('TIME')
local now = time[1] * 1e3 + math.floor(time[2] / 1e3)
local until_ms = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
redis.call('ZREM', KEYS[1], ARGV[1])
return until_ms > now and 1 or 0
