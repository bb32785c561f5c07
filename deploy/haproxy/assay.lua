-- The question over HTTP, where SPOE can't be had: a connection of its own for each request.
local TIMEOUT_SECONDS = 0.020
local HEADERS = { verdict = true, score = true, reasons = true, decision = true, action = true, subject = true }

local function header(txn, name)
  local value = txn.sf:req_fhdr(name)
  -- A line end in a value would begin a header of the client's own.
  return value and value ~= "" and (name .. ": " .. value:gsub("[\r\n]", " ") .. "\r\n") or ""
end

-- Of which call it is, and what is known of it; the same names as in the log.
local function call(txn)
  local f = txn.sf
  local told = "id=" .. f:unique_id() .. ";method=" .. f:method() .. ";protocol=" .. f:req_ver() .. ";tls=" .. f:ssl_fc_protocol() ..
    ";cipher=" .. f:ssl_fc_cipher() .. ";headers=" .. f:req_hdr_names() .. ";host=" .. f:req_fhdr("host") .. ";uri=" .. f:pathq()
  return (told:gsub("[\r\n]", " "))
end

core.register_action("assay", { "http-req" }, function(txn)
  local socket = core.tcp()
  socket:settimeout(TIMEOUT_SECONDS)
  if socket:connect("127.0.0.1", 8080) then
    socket:send("GET /v1/authz HTTP/1.1\r\nhost: assay\r\nconnection: close\r\nx-real-ip: " .. txn.sf:src() .. "\r\n" ..
      header(txn, "user-agent") .. header(txn, "authorization") .. header(txn, "x-api-key") .. header(txn, "accept") ..
      header(txn, "accept-encoding") .. header(txn, "accept-language") .. header(txn, "content-type") .. header(txn, "referer") ..
      "x-assay-call: " .. call(txn) .. "\r\n\r\n")
    -- All at once, up to where Assay closes: each receive costs as much as the rest.
    local answer = socket:receive("*a") or ""
    local status = answer:match("^HTTP/1%.%d (%d+)")
    if status == "200" or status == "403" then
      txn:set_var("txn.assay.denies", status == "403")
      if status == "200" and answer:find("\ncache-control: max-age=1\r", 1, true) then txn:set_var("txn.assay.steady", true) end
      for name, value in answer:gmatch("\nx%-assay%-(%a+): ([^\r\n]*)") do
        if HEADERS[name] then txn:set_var("txn.assay." .. name, value) end
      end
    end
  end
  socket:close()
end, 0)
