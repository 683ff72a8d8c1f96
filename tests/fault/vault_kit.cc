#include "tests/fault/vault_kit.h"

#include <openssl/pem.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "vault/seal/share_envelope.h"

namespace facekeep::test {
namespace {

constexpr const char* kPeople[] = {"property/1", "residents/1"};
constexpr const char* kPrincipals[] = {"property/1", "residents/1", "operator/1", "door/1"};
constexpr const char* kCustodians[] = {"property/1", "property/2", "residents/1", "residents/2"};

std::string text_of(const seal::SecretWords& card) {
  const SecretBytes text = seal::share_numbers_text(card);
  return std::string(as_chars(text.view()));
}

// In one line.
std::string private_text(EVP_PKEY* key) {
  const std::unique_ptr<BIO, void (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free_all);
  char* text = nullptr;
  if (!out || PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) std::abort();
  const long size = BIO_get_mem_data(out.get(), &text);
  return to_hex(as_bytes(std::string_view(text, static_cast<std::size_t>(size))));
}

http::KeyPtr private_key(const std::string& line) {
  const Bytes pem = from_hex(line).value_or(Bytes());
  const std::unique_ptr<BIO, void (*)(BIO*)> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                BIO_free_all);
  return http::KeyPtr(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
}

[[noreturn]] void make_vault(FixtureOptions options, int out, int hold) {
  options.preset = ledger::Preset::kSmall;
  {
    const VaultFixture f(options);
    std::ostringstream kit;
    kit << f.dir() << "\n" << f.token().conf().string() << "\n" << to_hex(f.genesis().vault) << "\n";
    kit << SoftHsm::uri_of("facekeep-test", options.module.empty() ? SoftHsm::module_path() : options.module) << "\n";
    for (const char* who : kPrincipals) kit << who << " " << to_hex(f.key(who)) << "\n";
    for (const char* who : kCustodians) kit << private_text(f.private_key(who)) << "\n";
    for (const char* who : kPeople) kit << text_of(f.card(who)) << "\n";
    const std::string text = kit.str();
    if (write(out, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
    close(out);
    char byte = 0;
    while (read(hold, &byte, 1) > 0) {
    }
  }
  _exit(0);
}

}  // namespace

VaultKit::VaultKit(FixtureOptions options) {
  int kit[2];
  int hold[2];
  if (pipe(kit) != 0 || pipe(hold) != 0) std::abort();
  maker_ = fork();
  if (maker_ == 0) {
    close(kit[0]);
    close(hold[1]);
    make_vault(std::move(options), kit[1], hold[0]);
  }
  close(kit[1]);
  close(hold[0]);
  hold_ = hold[1];
  read_from(kit[0]);
  close(kit[0]);
}

void VaultKit::read_from(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t n = read(fd, buffer, sizeof buffer); n > 0; n = read(fd, buffer, sizeof buffer))
    text.append(buffer, static_cast<std::size_t>(n));
  std::istringstream in(text);
  std::string conf;
  std::string vault;
  std::getline(in, dir_);
  std::getline(in, conf);
  std::getline(in, vault);
  std::getline(in, uri_);
  setenv("SOFTHSM2_CONF", conf.c_str(), 1);
  vault_ = from_hex_exact<16>(vault).value_or(Id128{});
  std::string line;
  for (const char* who : kPrincipals) {
    std::getline(in, line);
    keys_[who] = from_hex_exact<32>(line.substr(line.find(' ') + 1)).value_or(Digest{});
  }
  for (const char* who : kCustodians) {
    std::getline(in, line);
    signing_[who] = private_key(line);
  }
  for (const char* who : kPeople) {
    std::getline(in, line);
    auto words = seal::parse_share_text(line);
    if (!words) {
      std::fprintf(stderr, "the vault was not made\n");
      std::abort();
    }
    cards_[who] = std::move(*words);
  }
}

VaultKit::~VaultKit() {
  close(hold_);
  waitpid(maker_, nullptr, 0);
}

Status KitVault::start(ServiceOptions options) {
  store::RocksOptions rocks;
  rocks.dir = kit_.dir() + "/db";
  FK_TRY(store, store::RocksStore::open(rocks));
  FK_TRY(slots, seal::SlotGenerations::open(kit_.dir() + "/keys", kit_.vault_));
  FK_TRY(auto pool, hsm::open_token(kit_.uri_, SoftHsm::pin()));
  FK_TRY(custody, hsm::TokenCustody::open(std::move(pool), kit_.vault_));
  options.version = "test";
  options.allow_unlocked_memory = true;
  FK_TRY(service_, Service::start({*store, *custody, *slots, clock_}, std::move(options)));
  return {};
}

Status KitVault::unseal(const VaultKit::Cards& cards) {
  const auto to = service_->sequencer().read([](const ledger::State& st) { return st.start().unseal_to; });
  for (const char* who : kPeople) {
    FK_TRY(const Bytes share, seal::seal_share(to, kit_.vault_, cards.at(who)));
    FK_TRY(const UnsealProgress progress, service_->unseal(kit_.key(who), share));
    static_cast<void>(progress);
  }
  // Matching answers "refer" until a site is ready.
  for (int i = 0; i < 20000; ++i) {
    FK_TRY(const SealStatus s, service_->seal_status());
    if (s.templates_ready) return {};
    usleep(1000);
  }
  return make_error(Errc::kInternal, "the galleries did not load");
}

void KitVault::stop() {
  service_.reset();
  store.reset();
  slots.reset();
  custody.reset();
}

}  // namespace facekeep::test
