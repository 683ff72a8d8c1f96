#include "vault/log/merkle.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tests/unit/log/naive_tree.h"
#include "vault/base/json.h"

using namespace facekeep;
using namespace facekeep::log;
using facekeep::log_test::naive_root;
using facekeep::log_test::naive_source;
using facekeep::log_test::numbered_leaves;

namespace {

namespace fs = std::filesystem;

// Every JSON case under a folder of the shared vectors; empty (with a message) if it is absent.
std::vector<std::pair<std::string, Json>> cases(const std::string& kind) {
  const fs::path dir = fs::path(facekeep::test::shared_dir()) / "vectors/merkle-proofs" / kind;
  std::vector<std::pair<std::string, Json>> out;
  if (!fs::exists(dir)) {
    WARN("skipped: no vectors at " << dir);
    return out;
  }
  for (const auto& file : fs::recursive_directory_iterator(dir)) {
    if (file.path().extension() != ".json") continue;
    std::stringstream text;
    text << std::ifstream(file.path()).rdbuf();
    auto json = parse_json(text.str());
    REQUIRE(json);
    out.emplace_back(file.path().string(), *json);
  }
  return out;
}

// The vectors use short words as roots that are "some hash"; filled up with zeros they are that.
Digest padded_hash(const Json& value) {
  const Bytes bytes = *from_base64(value.get<std::string>());
  REQUIRE(bytes.size() <= 32);
  Digest out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

// Nothing if a member is not 32 bytes: such a proof has no form here that could be accepted.
std::optional<std::vector<Digest>> proof_of(const Json& value) {
  std::vector<Digest> out;
  if (value.is_null()) return out;
  for (const Json& item : value) {
    const Bytes bytes = *from_base64(item.get<std::string>());
    if (bytes.size() != 32) return std::nullopt;
    out.push_back(padded_hash(item));
  }
  return out;
}

}  // namespace

TEST_CASE("the hashes of RFC 6962 have their published values") {
  CHECK(to_hex(empty_root()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(to_hex(leaf_hash({})) == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  CHECK(Tree().root() == empty_root());
}

TEST_CASE("inclusion verification agrees with another implementation's cases") {
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (const auto& [name, c] : cases("inclusion")) {
    INFO(name);
    const auto proof = proof_of(c["proof"]);
    const bool whole = !c["root"].get<std::string>().empty() && !c["leafHash"].get<std::string>().empty();
    const bool ok =
        whole && proof &&
        verify_inclusion(c["leafIdx"], c["treeSize"], padded_hash(c["leafHash"]), *proof, padded_hash(c["root"]));
    CHECK(ok == !c["wantErr"].get<bool>());
    ++(ok ? accepted : refused);
  }
  if (accepted + refused > 0) {
    CHECK(accepted >= 5);
    CHECK(refused >= 50);
  }
}

TEST_CASE("consistency verification agrees with another implementation's cases") {
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (const auto& [name, c] : cases("consistency")) {
    INFO(name);
    const auto proof = proof_of(c["proof"]);
    const bool ok =
        proof && verify_consistency(c["size1"], padded_hash(c["root1"]), c["size2"], padded_hash(c["root2"]), *proof);
    CHECK(ok == !c["wantErr"].get<bool>());
    ++(ok ? accepted : refused);
  }
  if (accepted + refused > 0) {
    CHECK(accepted >= 5);
    CHECK(refused >= 50);
  }
}

TEST_CASE("two empty trees are consistent only with the root of RFC 6962") {
  Digest other{};
  CHECK(verify_consistency(0, empty_root(), 0, empty_root(), {}));
  CHECK_FALSE(verify_consistency(0, other, 0, other, {}));
}

TEST_CASE("the incremental root equals the recursive definition at every size") {
  const std::vector<Digest> leaves = numbered_leaves(130);
  Tree tree;
  for (std::size_t n = 0; n <= leaves.size(); ++n) {
    INFO(n);
    CHECK(tree.size() == n);
    CHECK(tree.root() == naive_root(std::span(leaves).first(n)));
    CHECK(*root_at(n, naive_source(leaves)) == tree.root());
    if (n < leaves.size()) tree.append(leaves[n]);
  }
}

TEST_CASE("every inclusion proof that is made verifies, and no other does") {
  const std::vector<Digest> leaves = numbered_leaves(40);
  const HashSource source = naive_source(leaves);
  for (std::uint64_t size = 1; size <= leaves.size(); ++size) {
    const Digest root = naive_root(std::span(leaves).first(size));
    for (std::uint64_t i = 0; i < size; ++i) {
      INFO(size << " " << i);
      auto proof = *inclusion_proof(i, size, source);
      CHECK(verify_inclusion(i, size, leaves[i], proof, root));
      CHECK_FALSE(verify_inclusion(i ^ 1, size, leaves[i], proof, root));
      CHECK_FALSE(verify_inclusion(i, size, node_hash(leaves[i], root), proof, root));
      for (Digest& hash : proof) {
        hash[7] ^= 1;
        CHECK_FALSE(verify_inclusion(i, size, leaves[i], proof, root));
        hash[7] ^= 1;
      }
      proof.push_back(root);
      CHECK_FALSE(verify_inclusion(i, size, leaves[i], proof, root));
    }
  }
  CHECK(inclusion_proof(5, 5, source).error().code == Errc::kInvalidArgument);
  CHECK(inclusion_proof(0, 0, source).error().code == Errc::kInvalidArgument);
}

TEST_CASE("every consistency proof that is made verifies, and no other does") {
  const std::vector<Digest> leaves = numbered_leaves(40);
  const HashSource source = naive_source(leaves);
  for (std::uint64_t to = 1; to <= leaves.size(); ++to) {
    const Digest new_root = naive_root(std::span(leaves).first(to));
    for (std::uint64_t from = 1; from <= to; ++from) {
      INFO(from << " " << to);
      const Digest old_root = naive_root(std::span(leaves).first(from));
      auto proof = *consistency_proof(from, to, source);
      CHECK(verify_consistency(from, old_root, to, new_root, proof));
      if (from != to) CHECK_FALSE(verify_consistency(from, new_root, to, old_root, proof));
      for (Digest& hash : proof) {
        hash[31] ^= 0x80;
        CHECK_FALSE(verify_consistency(from, old_root, to, new_root, proof));
        hash[31] ^= 0x80;
      }
      if (!proof.empty()) {
        proof.pop_back();
        CHECK_FALSE(verify_consistency(from, old_root, to, new_root, proof));
      }
    }
  }
  CHECK_FALSE(consistency_proof(0, 3, source));
  CHECK_FALSE(consistency_proof(4, 3, source));
}

TEST_CASE("an inclusion proof holds the tree before its leaf, and what follows is checked by the root") {
  const std::vector<Digest> leaves = numbered_leaves(40);
  const HashSource source = naive_source(leaves);
  for (std::uint64_t size = 1; size <= leaves.size(); ++size) {
    const Digest root = naive_root(std::span(leaves).first(size));
    for (std::uint64_t index = 0; index < size; ++index) {
      INFO(index << " " << size);
      auto proof = *inclusion_proof(index, size, source);
      const auto grown = [&]() -> Digest {
        auto tree = Tree::before(index, size, proof);
        if (!tree) return Digest{};
        for (std::uint64_t i = index; i < size; ++i) tree->append(leaves[i]);
        return tree->root();
      };
      CHECK(grown() == root);
      CHECK(Tree::before(index, size, proof)->root() == naive_root(std::span(leaves).first(index)));
      if (index > 0) {
        proof.clear();
        CHECK_FALSE(Tree::before(index, size, proof));
      }
    }
  }
  CHECK_FALSE(Tree::before(3, 3, {}));
}

TEST_CASE("the largest sizes overflow nothing") {
  const std::uint64_t max = ~std::uint64_t{0};
  const HashSource constant = [](unsigned, std::uint64_t) -> Result<Digest> { return Digest{}; };
  CHECK(inclusion_proof(max - 1, max, constant)->size() <= kMaxInclusionHashes);
  CHECK(inclusion_proof(0, max, constant)->size() == 64);
  CHECK(consistency_proof(max - 1, max, constant)->size() <= kMaxConsistencyHashes);
  CHECK_FALSE(verify_inclusion(max, max, Digest{}, {}, Digest{}));
}

TEST_CASE("a failing hash source fails the proof") {
  const HashSource broken = [](unsigned, std::uint64_t) -> Result<Digest> { return make_error(Errc::kIo, "away"); };
  CHECK(inclusion_proof(1, 3, broken).error().code == Errc::kIo);
  CHECK(consistency_proof(1, 3, broken).error().code == Errc::kIo);
}
