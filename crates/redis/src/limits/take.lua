-- Takes tokens from a bucket, which is the time when it will be full again. No key means that it is full.
-- KEYS: the bucket. ARGV: microseconds in which a token comes back, microseconds in which all do, tokens wanted.
-- Answers with the microseconds to wait, 0 where the tokens were taken, and with those until the bucket is full.
local time = redis.call('TIME')
local now = time[1] * 1e6 + time[2]
local token, whole, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
-- No bucket takes longer than a whole one: Redis's clock may have been set back.
local full_at = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now), now + whole)
local taken = full_at + token * wanted
local wait = taken - whole - now
if wait > 0 then
  return {math.ceil(wait), math.floor(full_at - now)}
end
local expires_ms = math.max(math.ceil((taken - now) / 1000), 1)
redis.call('SET', KEYS[1], string.format('%.3f', taken), 'PX', string.format('%.0f', expires_ms))
return {0, math.floor(taken - now)}
