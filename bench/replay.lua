-- wrk script: sends ready-made requests in turn and counts every status, so that the load generator signs and builds nothing.
-- After "--": METHOD, FILE (one path?query a line), BODY_BYTES, ONCE (1: each line once, then wrk ends).
local ffi = require 'ffi'
ffi.cdef 'int getpid(void); int kill(int, int);'

local ready, next_line, handed_out, answered, only_once = {}, 0, 0, 0, false
local PIECE = 'holdfast'

function init(args)
  local method, file, body_bytes = args[1], args[2], tonumber(args[3])
  only_once = args[4] == '1'
  local body = method == 'PUT' and PIECE:rep(body_bytes / #PIECE) or nil
  for line in io.lines(file) do
    ready[#ready + 1] = wrk.format(method, line, nil, body)
  end
  if not only_once then return end
  function delay()                              -- wrk asks before each request: past the end, the connection is parked
    handed_out = handed_out + 1
    return handed_out > #ready and 3600 * 1000 or 0
  end
  function response()
    answered = answered + 1
    if answered == #ready then ffi.C.kill(ffi.C.getpid(), 2) end
  end
end

local probed = false
function request()
  if not probed then                            -- wrk calls this once before the run, only to look at it
    probed = true
    return ready[1]
  end
  next_line = next_line % #ready + 1
  return ready[next_line]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\n{"requests": %d, "seconds": %.6f, "bytes": %d, "p50_ms": %.3f, "p99_ms": %.3f, "bad": %d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.status + e.connect + e.read + e.write + e.timeout))
end
