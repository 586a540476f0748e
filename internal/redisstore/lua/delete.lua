-- Removes one application. ARGV 4: the expected revision. A key of another kind than ours is left alone.
local s = look(false)
if not s.exists then return {'none'} end
if redis.call('HGET', own, 'rev') ~= ARGV[4] or redis.call('HGET', own, 'seen') ~= s.seen then return {'conflict'} end
local rev, last = advance()
for i = 1, #s.flat, 2 do
  if s.kinds[(i + 1) / 2] == 'string' then redis.call('DEL', prefix .. s.flat[i]) end
end
if s.zkind == 'zset' then redis.call('DEL', versions) end
if s.listed then redis.call('SREM', set, name) end
redis.call('DEL', own)
redis.call('SREM', index, name)
publish('gone', rev, last)
return {'ok', rev}
