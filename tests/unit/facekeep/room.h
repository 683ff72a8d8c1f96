// A daemon that serves what the test gives it, and the commands of `facekeep` run against it.
#pragma once

#include <unistd.h>

#include <array>

#include "tests/unit/facekeep/machine.h"
#include "vault/seal/slip39.h"

namespace facekeep::tools::testing {

inline constexpr std::array kRoomCommands = {AddCommand{add_unseal}, AddCommand{add_seal}, AddCommand{add_erase},
                                             AddCommand{add_status}};

// A daemon that serves what the test gives it, and keeps what it is sent.
struct Room : Machine {
  std::function<Json()> status = [this] { return vault.seal_status(); };
  // Writes what a seal writes; returns the entry that the vault claims for it.
  std::function<std::uint64_t()> sealed_as = [this] {
    vault.append_event(ledger::Sealed{"property/1", "request"});
    return vault.leaves.size() - 1;
  };
  std::function<std::string(std::uint64_t)> receipt_of = [this](std::uint64_t entry) { return vault.receipt(entry); };
  // Writes what an erasure writes; returns the answer.
  std::function<Json()> erased_as = [this] {
    return erased_with(vault.append_private(ledger::Erased{Id128{7}, "main", "operator/1", "operator"}));
  };
  std::string cosigned;            // of /v1/log/cosigned; empty: there is none
  bool says_no_witnesses = false;  // answers as if nothing had changed them since a genesis without
  bool no_terminal = false;
  std::vector<Bytes> sent;
  seal::SecretWords card;

  // The notice has the ceremony's checkpoint and cards only if it is `pinned`.
  explicit Room(ledger::Genesis genesis = FakeVault::plain_genesis(), bool pinned = true) {
    set_genesis(std::move(genesis));
    seal::SplitOptions split;
    split.groups = {{1, 1}, {1, 1}};
    split.group_threshold = 2;
    split.iteration_exponent = 0;
    auto cards = *seal::split_secret(random_secret(32).view(), split);
    card = std::move(cards[0][0]);
    const auto handler = [this](http::Request&& r) {
      if (r.path == "/v1/seal-status") return json_response(status());
      if (auto log = serve_log(vault, r)) return std::move(*log);
      if (r.path == "/v1/witnesses" && says_no_witnesses) {
        return json_response(
            {{"proposal", 0}, {"approvals", Json::array()}, {"done", 0}, {"custodians", Json::array()}});
      }
      if (r.path.starts_with("/log/handover/")) {
        http::Response none;
        none.status = 404;
        return none;
      }
      if (r.path == "/v1/seal") {
        const std::uint64_t entry = sealed_as();
        return json_response({{"state", "sealed"}, {"entry", entry}, {"receipt", vault.receipt(entry)}});
      }
      if (r.path == "/v1/log/cosigned") {
        http::Response out;
        out.body = to_bytes(cosigned);
        if (cosigned.empty()) out.status = 404;
        return out;
      }
      if (r.method == "DELETE") return json_response(erased_as());
      const Json body = *parse_json(as_chars(r.body));
      sent.push_back(*from_base64(body["share"].get<std::string>()));
      if (vault.texts.back().find("unseal-share") != std::string::npos) {
        vault.append_event(ledger::UnsealEnded{"timeout"});  // each time, the first share is the only one
      }
      vault.append_event(ledger::UnsealShare{"property/1", "property", 1});
      return json_response({{"state", "unsealing"},
                            {"group", "property"},
                            {"share", 1},
                            {"groups", {{{"id", "property"}, {"in", 1}, {"threshold", 1}}}},
                            {"entry", vault.leaves.size() - 1},
                            {"receipt", receipt_of(vault.leaves.size() - 1)}});
    };
    Json notice = Json::object();
    if (pinned) {
      notice["checkpoint"] = vault.note(1);
      notice["shares"] = Json::array();
      for (std::size_t g = 0; g < cards.size(); ++g) {
        const Digest c = seal::share_commitment(g == 0 ? card : cards[g][0]);
        notice["shares"].push_back(
            {{"group", g == 0 ? "property" : "residents"}, {"number", 1}, {"commitment", to_hex(c)}});
      }
    }
    serve(handler, notice);
  }

  // Entry 0, with the key of `--key` as that of operator/1. Before anything was served.
  void set_genesis(ledger::Genesis genesis) {
    for (auto& p : genesis.principals) {
      if (p.id == "operator/1") p.key = *http::spki_digest(front.door.cert.get());
    }
    vault.set_genesis(std::move(genesis));
  }

  // With a receipt of the last entry.
  [[nodiscard]] Json erased_with(Bytes opening) const {
    const std::uint64_t entry = vault.leaves.size() - 1;
    return {{"state", "erased"}, {"entry", entry}, {"receipt", vault.receipt(entry, std::move(opening))}};
  }

  // The person types the card, and answers the question about the program.
  int unseal(const seal::SecretWords& words, std::string_view go = "y", const std::vector<std::string>& more = {},
             std::string_view unwitnessed = {}) {
    auto lines = std::make_shared<std::vector<ScriptedTerminal::Line>>();
    if (!unwitnessed.empty()) lines->push_back({"all the same", SecretBytes::copy_of(as_bytes(unwitnessed))});
    lines->push_back({"Words", seal::share_words_text(words)});
    lines->push_back({"program", SecretBytes::copy_of(as_bytes(go))});
    return run("unseal", more, lines);
  }

  // Without a terminal: the card comes by a descriptor.
  int unseal_by_fd(const seal::SecretWords& words, std::vector<std::string> more) {
    int ends[2] = {-1, -1};
    REQUIRE(::pipe(ends) == 0);
    const SecretBytes text = seal::share_words_text(words);
    REQUIRE(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(ends[1]);
    more.insert(more.end(), {"--share-fd", std::to_string(ends[0])});
    const int code = run("unseal", more);
    ::close(ends[0]);
    return code;
  }

  int run(const char* command, const std::vector<std::string>& more = {}, Lines lines = {}) {
    std::vector<std::string> words = {command};
    words.insert(words.end(), more.begin(), more.end());
    if (no_terminal) lines.reset();
    return run_with(kRoomCommands, std::move(words), std::move(lines));
  }
};

}  // namespace facekeep::tools::testing
