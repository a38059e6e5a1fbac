-- wrk with as many threads as connections: as throughput.lua, and a line `time latency status` for each answer.
-- A connection sends its next request on an answer at once: the time between two answers is the latency.
local ffi = require("ffi")
ffi.cdef [[
typedef struct { long seconds; long nanoseconds; } bench_time;
int clock_gettime(int clock, bench_time *time);
]]
local realtime, now = 0, ffi.new("bench_time")
dofile(os.getenv("BENCH_LUA"))

local function clock()
  ffi.C.clock_gettime(realtime, now)
  return tonumber(now.seconds) + tonumber(now.nanoseconds) / 1e9
end

-- Called in a state of its own, once a thread; a thread sees what is set as a global.
local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

local trace, last
function init()
  trace = assert(io.open(os.getenv("BENCH_TRACE") .. "." .. number, "w"))
  trace:setvbuf("full", 65536)
end

function response(status)
  local at = clock()
  if last then
    trace:write(string.format("%.6f %.6f %d\n", at, at - last, status))
  end
  last = at
end
