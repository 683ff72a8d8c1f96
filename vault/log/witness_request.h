// What a log sends to a witness and gets back: the bodies of C2SP tlog-witness's add-checkpoint
// (https://c2sp.org/tlog-witness).
//
// Request: "old <size>", the hashes of an RFC 6962 consistency proof in base64, an empty line, the signed checkpoint.
// Answer: 200 with signature lines; 409 with the size that the witness has seen. Pure functions, thread safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"

namespace facekeep::log {

inline constexpr std::size_t kMaxWitnessProof = 63;  // hashes
inline constexpr std::string_view kTlogSizeType = "text/x.tlog.size";

struct WitnessRequest {
  std::uint64_t old_size = 0;  // of the latest checkpoint that the witness cosigned; 0: none
  std::vector<Digest> proof;   // from old_size to the checkpoint's size
  std::string checkpoint;      // the signed note
  friend bool operator==(const WitnessRequest&, const WitnessRequest&) = default;
};

// kInvalidArgument: more hashes than the limit, or a checkpoint that is no signed note.
Result<std::string> format_witness_request(const WitnessRequest& request);
// Checks the form only, no hash and no signature; the old size may not be above the checkpoint's, and at 0 there is no
// proof. kTooLarge over the limits, else kMalformed.
Result<WitnessRequest> parse_witness_request(std::string_view body);

// What a witness says: 200 with signature lines, 409 with the size that it has seen, or another refusal.
struct WitnessAnswer {
  int status = 0;
  std::string content_type;
  std::string body;
};

// The body of a 409: a decimal size and a newline. Parsing takes it without the newline too.
std::string format_witness_size(std::uint64_t size);
Result<std::uint64_t> parse_witness_size(std::string_view body);

}  // namespace facekeep::log
