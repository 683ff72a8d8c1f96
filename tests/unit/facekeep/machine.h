// A person's machine beside a daemon of the test: key, notice and memory in a folder, and `facekeep` run with them.
#pragma once

#include <sstream>

#include "tests/unit/facekeep/fake_vault.h"
#include "tests/unit/http/support.h"
#include "tests/unit/tools/scratch.h"
#include "tools/facekeep/commands.h"
#include "tools/facekeep/program.h"

namespace facekeep::tools::testing {

struct Machine {
  FakeVault vault;
  http::testing::Front front;
  Scratch dir;
  std::string out;
  std::string err;

  // Starts the daemon, which answers with `handler`, and writes what a person has; `more` are further members of the
  // notice.
  void serve(std::function<http::Response(http::Request&&)> handler, const Json& more = Json::object()) {
    http::ServerConfig config = front.config();
    config.listeners[0].max_body = 16 << 20;  // as the daemon takes many people at once
    config.handler = std::move(handler);
    front.start(std::move(config));
    dir.write("me.crt", *http::cert_pem(front.door.cert.get()));
    REQUIRE(http::save_private_file(path("me.key"), http::private_key_pem(front.door.key.get())->view()));
    Json notice = vault.notice_json();
    notice["api"] = "https://127.0.0.1:" + std::to_string(front.server->port(0));
    notice["server_key"] = to_hex(front.server_id.spki);
    notice.update(more);
    dir.write("notice.json", notice.dump());
  }

  [[nodiscard]] std::string path(const std::string& name) const { return (dir.path() / name).string(); }
  [[nodiscard]] ClientMemory memory() const { return ClientMemory(path("memory")); }
  [[nodiscard]] bool shows(const std::string& text) const { return out.find(text) != std::string::npos; }

  using Lines = std::shared_ptr<std::vector<ScriptedTerminal::Line>>;
  // `facekeep WORDS...`; who is asked at the terminal answers with `lines`, and there is none without.
  template <class Commands>
  int run_with(const Commands& commands, std::vector<std::string> words, Lines lines, const char* lang = "en") {
    words.insert(words.begin(), "facekeep");
    words.insert(words.end(), {"--vault", path("notice.json"), "--key", path("me.key"), "--lang", lang});
    std::vector<const char*> argv;
    for (const std::string& w : words) argv.push_back(w.c_str());
    std::ostringstream printed;
    std::ostringstream error;
    Context context(printed, error);
    context.memory_path = memory().directory();
    context.witness_wait = std::chrono::milliseconds(0);
    context.open_person = [lines]() -> Result<std::unique_ptr<Terminal>> {
      if (!lines) return make_error(Errc::kIo, "there is no terminal");
      return std::unique_ptr<Terminal>(
          std::make_unique<ScriptedTerminal>(ScriptedTerminal::answers(std::move(*lines))));
    };
    const int code = run_program(commands, static_cast<int>(argv.size()), argv.data(), context);
    out = printed.str();
    err = error.str();
    return code;
  }
};

}  // namespace facekeep::tools::testing
