# A company's office opens accounts for its staff from a list, by its key; some are there already, a few lines are wrong.
require_relative 'seat'

seat = Seat.new(15, 200)
seat.token = seat.key
agent = { 'User-Agent' => seat.pick(['Ruby', 'hr-import/3.0', 'Faraday v2.7']) }
firm = "#{seat.pick(%w[nord west alpha])}#{seat.int(10, 99)}.example"
gap = seat.log(0.02, 2)
seat.shuffle((1..400).to_a).each do |n|
  break if seat.over?

  email = seat.chance(0.04) ? "staff#{n}" : "#{seat.pick(%w[lena max otto pia rosa sam])}.#{seat.hex(5)}@#{firm}"
  person = { email:, password: "Start-#{seat.hex(8)}", name: "Staff #{n}" }
  status, = seat.insist('post', seat.at('signup'), person, headers: agent)
  # The list holds some people twice.
  seat.insist('post', seat.at('signup'), person, headers: agent) if status == 201 && seat.chance(0.06)
  seat.pause(gap * seat.real(0.6, 1.5))
end
seat.tell
