-- How many members a room has. KEYS: the room.
local time = redis.call('TIME')
local now = time[1] * 1e3 + math.floor(time[2] / 1e3)
return redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')
