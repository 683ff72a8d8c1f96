// Request heads: where a head ends must not depend on how the bytes arrive, nor on what follows it.
#include <string>

#include "api/http/framing.h"
#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMaxHead = 4096;
  const auto text = fuzz::text(data, size);
  const auto whole = http::scan_head(text, kMaxHead);
  const auto* head = std::get_if<http::Head>(&whole);
  if (head == nullptr) return 0;
  FUZZ_CHECK(head->size <= text.size() && head->size <= kMaxHead);
  FUZZ_CHECK(head->body == http::BodyKind::kLength || head->content_length == 0);
  const auto exact = http::scan_head(text.substr(0, head->size), kMaxHead);
  const auto* same = std::get_if<http::Head>(&exact);
  FUZZ_CHECK(same != nullptr && same->size == head->size && same->body == head->body);
  FUZZ_CHECK(same->content_length == head->content_length);
  const auto early = http::scan_head(text.substr(0, head->size - 1), kMaxHead);
  FUZZ_CHECK(std::holds_alternative<http::NeedMore>(early));
  const std::string followed = std::string(text.substr(0, head->size)) + "GET / HTTP/1.1\r\n\r\n";
  const auto next = http::scan_head(followed, kMaxHead);
  FUZZ_CHECK(std::holds_alternative<http::Head>(next) && std::get<http::Head>(next).size == head->size);
  return 0;
}
