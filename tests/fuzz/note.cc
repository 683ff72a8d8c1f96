// signed-note: text and signature lines make the note again; vkeys have one text.
#include "vault/log/note.h"

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text(data, size);
  const auto note = log::parse_note(text);
  if (note) {
    std::string again = note->text + "\n";
    for (const auto& signature : note->signatures) again += log::format_signature_line(signature);
    FUZZ_CHECK(again == text);
    FUZZ_CHECK(!log::verify_note(*note, {}));
  }
  const auto key = log::parse_vkey(text);
  if (key) FUZZ_CHECK(log::format_vkey(*key) == text);
  return 0;
}
