#include "tools/facekeep/card_input.h"

#include <algorithm>

namespace facekeep::tools {
namespace {

Result<SecretBytes> read_text(Context& context, int share_fd) {
  if (share_fd >= 0) return read_secret_fd(share_fd);
  auto person = context.terminal();
  if (!person) return say_error(Errc::kIo, "no-terminal", Msg::kCliNoShare, Msg::kCliNoShareHint);
  return (*person)->read_secret(context.text(Msg::kEnterShare) + " ");
}

}  // namespace

Result<EnteredCard> read_card(Context& context, int share_fd) {
  FK_TRY(const SecretBytes text, read_text(context, share_fd));
  const auto is_space = [](std::uint8_t b) { return b == ' ' || (b >= '\t' && b <= '\r'); };
  if (std::all_of(text.view().begin(), text.view().end(), is_space)) {
    return say_error(Errc::kInvalidArgument, "bad-share", Msg::kCliCardEmpty, Msg::kCliCardHint);
  }
  auto words = seal::parse_share_text(as_chars(text.view()));
  if (!words) {
    return say_error(words.error().code, "bad-share", Msg::kCliCardUnreadable, Msg::kCliCardHint,
                     {words.error().message});
  }
  const auto share = seal::decode_share(*words);
  if (!share) {
    return say_error(Errc::kMalformed, "bad-share", Msg::kCliCardUnreadable, Msg::kCliCardHint,
                     {share.error().message});
  }
  return EnteredCard{std::move(*words), share->meta};
}

std::vector<NoticeCard> cards_of(const std::vector<ledger::Group>& groups) {
  std::vector<NoticeCard> out;
  for (const ledger::Group& g : groups) {
    for (const ledger::ShareCard& card : g.shares) out.push_back({g.id, card.number, card.commitment});
  }
  return out;
}

Error no_present_card(const ledger::State& state, const seal::SecretWords& words) {
  if (state.retired_cards().contains(seal::share_commitment(words))) {
    return say_error(Errc::kInvalidArgument, "old-share", Msg::kCliCardOld, Msg::kCliCardOldHint);
  }
  return say_error(Errc::kInvalidArgument, "foreign-share", Msg::kCliPForeignShare, Msg::kCliForeignHint);
}

std::optional<NoticeCard> find_card(const std::vector<NoticeCard>& cards, const seal::SecretWords& words) {
  const Digest commitment = seal::share_commitment(words);
  for (const NoticeCard& card : cards) {
    if (card.commitment == commitment) return card;
  }
  return std::nullopt;
}

std::optional<NoticeCard> find_card(const ledger::State& state, const seal::SecretWords& words) {
  auto known = find_card(cards_of(state.current().groups), words);
  const auto* before = state.cards_before();
  return known || before == nullptr ? known : find_card(cards_of(before->groups), words);
}

}  // namespace facekeep::tools
