#include "tools/facekeepd/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "api/http/socket.h"
#include "tests/support/catch.h"

namespace facekeep::daemon {
namespace {

// A datagram socket under a path of its own, named by NOTIFY_SOCKET while it lives.
class Manager {
 public:
  Manager() : path_(std::filesystem::temp_directory_path() / ("fk-notify-" + std::to_string(getpid()))) {
    std::filesystem::remove(path_);
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    std::strncpy(a.sun_path, path_.c_str(), sizeof a.sun_path - 1);
    REQUIRE(bind(fd_.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0);
    setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  }
  ~Manager() {
    unsetenv("NOTIFY_SOCKET");
    std::filesystem::remove(path_);
  }
  std::string receive() {
    std::array<char, 256> buffer{};
    const ssize_t n = recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n < 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(n));
  }

 private:
  std::filesystem::path path_;
  http::UniqueFd fd_{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

TEST_CASE("the service manager is told, where there is one") {
  REQUIRE(notify_manager("READY=1\n"));  // none: nothing to do
  Manager manager;
  REQUIRE(notify_manager("READY=1\n"));
  REQUIRE(manager.receive() == "READY=1\n");
}

TEST_CASE("a name that is no socket is refused") {
  for (const std::string name : {"relative", "/nowhere/at/all"}) {
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
    REQUIRE_FALSE(notify_manager("READY=1\n"));
  }
  setenv("NOTIFY_SOCKET", ("/" + std::string(200, 'x')).c_str(), 1);
  REQUIRE_FALSE(notify_manager("READY=1\n"));
  unsetenv("NOTIFY_SOCKET");
}

TEST_CASE("the ready line names what was bound") {
  REQUIRE(url_of("127.0.0.1", 80) == "https://127.0.0.1:80");
  REQUIRE(url_of("::1", 8443) == "https://[::1]:8443");
  REQUIRE(ready_line({"https://a:1", std::nullopt}) == "{\"main\":\"https://a:1\"}\n");
  REQUIRE(ready_line({"https://a:1", "https://a:2"}) == "{\"main\":\"https://a:1\",\"public\":\"https://a:2\"}\n");
}

TEST_CASE("the ready file holds the whole line, and replaces an old one") {
  const auto path = std::filesystem::temp_directory_path() / ("fk-ready-" + std::to_string(getpid()));
  std::ofstream(path) << "old and longer than the new one";
  REQUIRE(write_ready_file(path.string(), "new\n"));
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  std::filesystem::remove(path);
  REQUIRE(text.str() == "new\n");
  REQUIRE_FALSE(write_ready_file("/nowhere/at/all", "x"));
}

}  // namespace
}  // namespace facekeep::daemon
