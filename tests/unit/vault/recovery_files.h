// The files and the token of a vault that is stopped, as `facekeepd recover` has them.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "hsm/token_custody.h"
#include "vault/backup/mark.h"
#include "vault/store/rocks_store.h"
#include "vault/token_recovery.h"

namespace facekeep::test {

struct RecoveryFiles {
  Status open_files(const std::string& data_dir) {
    store::RocksOptions rocks;
    rocks.dir = data_dir + "/db";
    FK_TRY(store, store::RocksStore::open(rocks));
    FK_TRY(const auto unlogged, backup::read_mark(data_dir));
    FK_TRY(TokenRecovery opened, TokenRecovery::open(*store, unlogged));
    recovery.emplace(std::move(opened));
    return {};
  }
  void close() {
    recovery.reset();
    custody.reset();
    store.reset();
  }

  std::unique_ptr<store::RocksStore> store;
  std::unique_ptr<hsm::TokenCustody> custody;
  std::optional<TokenRecovery> recovery;
};

}  // namespace facekeep::test
