-- Reads one application whole. What 0.3.0 has changed gets a new revision; where Redis takes no writes, the old one stands.
local s = look(true)
local rev = redis.call('HGET', own, 'rev')
if not s.exists then
  if rev then
    pcall(function()
      local now, last = advance()
      redis.call('DEL', own)
      redis.call('SREM', index, name)
      publish('lost', now, last)
    end)
  end
  return {'', s.zkind}
end
if not rev or redis.call('HGET', own, 'seen') ~= s.seen then
  pcall(function()
    local now, last = advance()
    redis.call('HSET', own, 'rev', now, 'seen', s.seen)
    redis.call('SADD', index, name)
    publish('model', now, last)
    rev = now
  end)
end
if not s.listed then pcall(function() redis.call('SADD', set, name) end) end
return {rev or '1', redis.call('HGETALL', own), s.flat, s.values, s.kinds, s.zkind}
