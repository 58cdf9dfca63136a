-- SPDX-License-Identifier: Apache-2.0
-- For wrk: count answers by the server that gave them (its X-Served-By) and print a line for each; stop after as
-- many as the first argument says. One thread only.
local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function init(args)
    answers, left = {}, tonumber(args[1])
end

function response(status, headers, _)
    local who = (headers["X-Served-By"] or "?") .. " " .. status
    answers[who] = (answers[who] or 0) + 1
    left = left - 1
    if left == 0 then wrk.thread:stop() end
end

function done(summary, _, _)
    for _, thread in ipairs(threads) do
        for who, count in pairs(thread:get("answers")) do
            print("answers " .. count .. " " .. who)
        end
    end
    local errors = summary.errors
    print("lost " .. errors.connect + errors.read + errors.write + errors.timeout)
    print("microseconds " .. summary.duration)
end
