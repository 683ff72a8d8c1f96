// Checkpoints with cosignatures, and keys of witnesses: what is accepted says so again.
#include "vault/log/cosign.h"

#include "tests/fuzz/fuzz.h"

using namespace facekeep;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text(data, size);
  if (const auto key = ledger::parse_witness_key(text)) FUZZ_CHECK(ledger::format_witness_key(*key) == text);
  const auto note = log::parse_note(text);
  if (!note) return 0;
  // RFC 8032 section 7.1, test 1: the key of the seeds' witness.
  static const auto known =
      std::vector{ledger::make_witness_key(
                      "witness.example/w1",
                      from_hex_exact<32>("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").value())
                      .value()};
  const auto found = log::find_cosignatures(*note, known);
  if (found) {
    FUZZ_CHECK(found->size() <= 1);
    for (const auto& c : *found) FUZZ_CHECK(log::verify_cosignature(known[0], note->text, c.line).value() == c.time);
  }
  return 0;
}
