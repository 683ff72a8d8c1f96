// What an older program says of a newer one's data: both versions, and what to do.
#include "vault/base/newer.h"

#include "tests/support/catch.h"

using namespace facekeep;

TEST_CASE("a newer format is refused with both versions, and told from damage") {
  const Error e = newer_format("the store", 2, 1);
  CHECK(e.code == Errc::kFailedPrecondition);
  CHECK(is_newer(e));
  const std::string own(program_version());
  CHECK(e.message == "the store has format 2, which a newer facekeep wrote; this one, " + own + ", reads format 1");
  CHECK(e.hint.find("run the version that wrote it") != std::string::npos);
  CHECK_FALSE(is_newer(make_error(Errc::kFailedPrecondition, "x")));
}

TEST_CASE("an unknown name is repeated if it is one, and never if it could be anything") {
  CHECK(newer_name("event", "restart-ticket").message.find("event \"restart-ticket\" is of a newer facekeep") !=
        std::string::npos);
  for (const char* odd : {"", "a b", "\x1b[2J", "A", "a\"b"}) {
    const Error e = newer_name("event", odd);
    CHECK(is_newer(e));
    CHECK(e.message.starts_with("the kind of event is of a newer facekeep"));
  }
  CHECK(newer_name("event", std::string(65, 'a')).message.find("aaa") == std::string::npos);
}

TEST_CASE("one of many stored things counts as damaged, whatever its number says") {
  const Error e = newer_or_damaged("a sealed blob", 9, 1);
  CHECK(e.code == Errc::kMalformed);
  CHECK_FALSE(is_newer(e));
  CHECK(e.message.find("format 9") != std::string::npos);
}
