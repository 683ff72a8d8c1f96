// SLIP-0039: a master secret as groups of mnemonic shares (SatoshiLabs SLIP-0039, both levels).
//
// Any `group_threshold` groups, each with its own threshold of members, give the master secret;
// fewer give nothing, not even whether a passphrase is right. Other people's software recovers
// what this writes, and the reverse. facekeep's ceremonies require all groups.
//
// Shares, secrets and passphrases live in SecretBytes and SecretWords. Errors never hold a word.
#pragma once

#include <cstdint>
#include <vector>

#include "vault/base/bytes.h"
#include "vault/base/result.h"
#include "vault/base/secret_bytes.h"
#include "vault/seal/slip39_words.h"

namespace facekeep::seal {

// What the first words of a share say, in clear to whoever holds it.
struct ShareMeta {
  std::uint16_t identifier = 0;         // 15 random bits, the same in all shares of a split
  bool extendable = true;               // the identifier does not enter the encryption
  std::uint8_t iteration_exponent = 0;  // 0 to 15: PBKDF2 with 10000 * 2^e iterations
  std::uint8_t group_index = 0;         // 0 to 15
  std::uint8_t group_threshold = 1;     // 1 to 16
  std::uint8_t group_count = 1;         // 1 to 16
  std::uint8_t member_index = 0;        // 0 to 15
  std::uint8_t member_threshold = 1;    // 1 to 16
  friend bool operator==(const ShareMeta&, const ShareMeta&) = default;
};

struct Share {
  ShareMeta meta;
  SecretBytes value;
};

// Checks length, checksum, padding and thresholds. Total. kMalformed says which of them is wrong.
Result<Share> decode_share(const SecretWords& words);
// kInvalidArgument if a field is outside its range or the value is not 16 to 64 even bytes.
Result<SecretWords> encode_share(const Share& share);

struct GroupSpec {
  std::uint8_t threshold = 1;
  std::uint8_t count = 1;
};

struct SplitOptions {
  std::vector<GroupSpec> groups;
  std::uint8_t group_threshold = 1;
  bool extendable = true;
  std::uint8_t iteration_exponent = 1;  // 20000 iterations, the reference's default
};

// groups -> members -> words. `master` has 16 to 64 bytes, an even number; the passphrase is
// printable ASCII (SLIP-0039 section "Passphrase"), empty for none. Refuses groups with threshold 1
// and more than one member: each of their shares would be the group's whole secret.
Result<std::vector<std::vector<SecretWords>>> split_secret(ByteView master, const SplitOptions& options,
                                                           ByteView passphrase = {});

// kInvalidArgument: shares of different sets, the same share twice, too few shares or groups.
// kCrypto: they do not belong together. A wrong passphrase is not noticed: it gives another secret.
// Takes 10000 * 2^e PBKDF2 iterations (e of the shares: whoever combines strangers' shares bounds it).
Result<SecretBytes> combine_shares(const std::vector<SecretWords>& shares, ByteView passphrase = {});

// What genesis holds of a share: SHA-256("facekeep/share/v1" || 0x00 || each word index, 16 bits
// big-endian). Hides it: a share has at least 128 random bits.
Digest share_commitment(const SecretWords& share);

// The Feistel cipher between the master secret and what is split (section "Encryption of the
// master secret"). Exposed for tests.
Result<SecretBytes> slip39_encrypt(ByteView master, ByteView passphrase, const ShareMeta& meta);
Result<SecretBytes> slip39_decrypt(ByteView encrypted, ByteView passphrase, const ShareMeta& meta);

}  // namespace facekeep::seal
