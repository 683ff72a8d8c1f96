// The checker in place and the parser accept the same texts, but for numbers out of range (api/json_view.h).
#include "api/json_view.h"

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

namespace {

// Every part of an accepted text is a part of that text, and a document by itself.
void visit(const api::JsonView& value, std::string_view whole) {
  const std::string_view text = value.text();
  FUZZ_CHECK(!text.empty() && text.data() >= whole.data() && text.data() + text.size() <= whole.data() + whole.size());
  if (value.kind() == api::JsonView::Kind::kObject) {
    for (const auto& member : api::members(value)) visit(member.value, text);
  } else if (value.kind() == api::JsonView::Kind::kArray) {
    for (const auto& element : api::elements(value)) visit(element, text);
  } else if (value.kind() == api::JsonView::Kind::kString) {
    FUZZ_CHECK(value.to_json());
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text(data, size);
  const auto view = api::check_json(text);
  const auto document = parse_json(text);
  if (document) FUZZ_CHECK(view);
  if (!view) {
    FUZZ_CHECK(view.error().problem != nullptr);
    return 0;
  }
  // Without an exponent, a number of under 300 digits is in a double's range.
  if (size < 300 && text.find_first_of("eE") == std::string_view::npos) FUZZ_CHECK(document);
  visit(*view, text);
  return 0;
}
