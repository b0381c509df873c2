# frozen_string_literal: true

# SPDX-License-Identifier: MIT
# The smallest application that can prove which code is running: the revision is read
# once, at start, from the release's own REVISION file (Capistrano's), so that a process
# left over from an older release goes on telling the truth about itself.
# Header names are in lower case because Rack 3 insists and Rack 2 does not mind.

release = File.expand_path(__dir__)

read = lambda do |name|
  File.read(File.join(release, name)).strip
rescue Errno::ENOENT
  ""
end

version = read.call("VERSION").then { |text| text.empty? ? "the sample application" : text }
revision = read.call("REVISION")[/\A(?:\h{40}|\h{64})\z/].to_s

pages = {
  "/" => "hello from #{version} (revision #{revision[0, 12]})\n",
  "/health" => "ok\n",
}.freeze

run(lambda do |env|
  page = pages[env["PATH_INFO"]]
  body = page || "not found\n"
  headers = {
    "content-type" => "text/plain; charset=utf-8",
    "content-length" => body.bytesize.to_s,
    "x-revision" => revision,
  }
  [page ? 200 : 404, headers, [body]]
end)
