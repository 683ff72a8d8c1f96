// A witness in memory, as strict as C2SP tlog-witness asks for, and able to fail in the ways that real ones do.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "tests/unit/log/note_keys.h"
#include "vault/log/checkpoint.h"
#include "vault/log/cosign.h"
#include "vault/log/merkle.h"
#include "vault/log/witness_request.h"
#include "vault/witnessing.h"

namespace facekeep::test {

class TestWitness {
 public:
  explicit TestWitness(const std::string& name) : signer_(log_test::TestSigner::ed25519(name)) {
    std::array<std::uint8_t, 32> raw{};
    std::copy(signer_.key.public_key.begin(), signer_.key.public_key.end(), raw.begin());
    key = ledger::make_witness_key(name, raw).value();
  }

  // add-checkpoint. `log_key` is whose checkpoints it takes.
  WitnessAnswer add_checkpoint(const std::string& body, const log::VerifierKey& log_key) {
    ++calls;
    if (status != 0) return {status, "text/plain", answer};
    const auto request = log::parse_witness_request(body);
    if (!request) return {400, "text/plain", ""};
    const auto cp = log::open_checkpoint(request->checkpoint, log_key);
    if (!cp) return {403, "text/plain", ""};
    if (request->old_size != size) return {409, std::string(log::kTlogSizeType), log::format_witness_size(size)};
    if (size == cp->size && size > 0 && root != cp->root) return {409, "text/plain", ""};
    if (size > 0 && size < cp->size && !log::verify_consistency(size, root, cp->size, cp->root, request->proof)) {
      return {422, "text/plain", ""};
    }
    size = cp->size;
    root = cp->root;
    const auto line = log::cosign(key, log::parse_note(request->checkpoint)->text, ++time, signer_.sign());
    return {200, "text/plain; charset=utf-8", log::format_signature_line(*line)};
  }

  ledger::WitnessKey key;
  std::uint64_t size = 0;
  Digest root{};
  log::CosignTime time = 1795305600;
  int calls = 0;
  int status = 0;  // not 0: answers this to everything
  std::string answer;

 private:
  log_test::TestSigner signer_;
};

}  // namespace facekeep::test
