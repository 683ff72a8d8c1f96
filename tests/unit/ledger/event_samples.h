// One event of every type, all fields set.
#pragma once

#include <vector>

#include "tests/unit/ledger/genesis_maker.h"
#include "vault/ledger/event.h"

namespace facekeep::ledger::test {

// A recovery writes none: the new token has none yet.
inline TokenEvidence token_without_root() {
  TokenEvidence token = valid_genesis().token;
  token.root = {};
  return token;
}

inline std::vector<Body> sample_bodies() {
  const Id128 ref{0xaa, 1};
  const Id128 pseudonym{0xbb, 2};
  return {
      Body(valid_genesis()),
      Start{"0.1.0", digest_of("program"), digest_of("config"), digest_of("unseal_to"), true},
      UnsealShare{"property/1", "property", 1, true},
      Unsealed{{"property/1", "residents/2"}, true},
      UnsealEnded{"timeout"},
      Sealed{"daemon", "shutdown"},
      Sums{1795000000000, {{"bad-request", 3}, {"overload", 0}}},
      OpeningsRead{"auditor/1", "bundle", 3},
      ProposalMade{{0xdd}, "property/1", "new-model", AddModel{valid_genesis().models[0]}, Id128{0xde}},
      Approval{{{0xdd}, "property/1", 7, 4711, digest_of("root"), "signature"}},
      Veto{{{0xdd}, "residents/1", 7, 4711, digest_of("root"), "signature"}},
      ProposalWithdrawn{{0xdd}, "property/1"},
      ProposalDone{{0xdd},
                   digest_of("check"),
                   NewKeys{2, valid_genesis().token.root, {{"main", digest_of("key")}}, digest_of("register key")},
                   digest_of("proof"),
                   valid_genesis().log_key},
      Revoked{"property/1", {"door/1", "door/2"}, "lost"},
      Tightened{"residents/1", ChangeReveal{"main", true}},
      CustodianSuspended{"property/1", "residents/1"},
      AlarmsAcknowledged{"residents/1", 4711},
      ExportSealed{{0xdd}, digest_of("manifest"), {{1000, digest_of("part")}}, 2, 3, 1},
      ExportEnded{{0xdd}, "over-limit"},
      ExportGiven{{0xdd}, "property/1"},
      Rewrapped{2, {0xab, 0xff}, digest_of("batch")},
      KeysRetired{1, true},
      BackupMade{"property/1", 4711, digest_of("root"), digest_of("backup"), 4000},
      Restored{4711, 12, 3},
      Recovered{"stolen",
                valid_genesis().log_key,
                token_without_root(),
                digest_of("spare"),
                {4711, digest_of("root")},
                Loss{"vault.example/2", {4720, digest_of("newest")}},
                1795000000000,
                {{"property/1", "signature"}}},
      TicketMade{1, 4711, digest_of("program"), 1795000000002, 5, digest_of("opens to"), digest_of("half")},
      TicketUsed{4294967295U, "residents/1", 1795000000003, "signature"},
      TicketEnded{1, "seal"},
      Enrolled{ref, "main", "operator/1", 4294967295U, digest_of("consent"), digest_of("record"), "2027-02-28"},
      TemplateAdded{
          ref, "main", "operator/1", {0xcc}, "face", 1000000, digest_of("blob"), SignedBy{"camera/1", 3, {0xee}}},
      Erased{ref, "main", "daemon", "delay-over", Horizon{2, true, "2027-02-28"}},
      Suspended{ref, "main", "operator/1", "over-allowance", 1795000000001},
      PeriodKey{"access", "main", "2026-11", 0},
      PeriodKeyDestroyed{"changes", "main", "2026-11-22"},
      ExportSubjects{{0xdd}, digest_of("salt"), {ref}},
      Exported{{0xdd}, "main", {ref, pseudonym}},
      Match{true, "main", "north", "face", "door/1", "refer", pseudonym,
            RequestMark{digest_of("id"), digest_of("body")}, SignedBy{"camera/1", 0, {0xee}}, Over::kDoor, "near"},
      MetadataRead{"main", "operator/1", "subject", pseudonym},
  };
}

}  // namespace facekeep::ledger::test
