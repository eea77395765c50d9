// C ABI over SentencePiece for src/Data/Tokenizers/SentencePiece. No exception crosses it: a call that fails returns nonzero (or null)
// and rnnlm_spm_error() has the reason for the calling thread.

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#define RNNLM_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using sentencepiece::SentencePieceProcessor;
using sentencepiece::util::Status;

thread_local std::string last_error;

// U+2581, which SentencePiece uses for a space: as text it would come back as a space.
constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81";

// Words longer than this are rare; caching them would only fill the cache.
constexpr size_t kCachedWordBytes = 48;
constexpr size_t kCachedWords = 1 << 17;

int Fail(const std::string& reason) {
  last_error = reason;
  return 1;
}

struct Model {
  // As the model file says, and with its dummy prefix off: for text that continues a text already begun.
  SentencePieceProcessor starting;
  SentencePieceProcessor continuing;
  bool dummy_prefix = false;
  // No piece reaches across the start of a word, so words can be encoded one by one, and remembered.
  bool words_independent = false;
  // Pieces of the three bytes of U+2581; negative when the model has no byte pieces.
  int space_symbol_bytes[3] = {-1, -1, -1};
};

struct TransparentHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

// One thread at a time; shares its model.
struct Encoder {
  std::shared_ptr<const Model> model;
  std::vector<int32_t> ids;
  std::vector<int> scratch;
  std::string prefixed;
  struct Cached {
    uint32_t start;
    uint32_t count;
  };
  std::unordered_map<std::string, Cached, TransparentHash, std::equal_to<>> words;
  std::vector<int32_t> cached_ids;
};

Status EncodeWord(Encoder& encoder, std::string_view word) {
  if (const auto found = encoder.words.find(word); found != encoder.words.end()) {
    const auto first = encoder.cached_ids.begin() + found->second.start;
    encoder.ids.insert(encoder.ids.end(), first, first + found->second.count);
    return Status();
  }
  const Status status = encoder.model->continuing.Encode(word, &encoder.scratch);
  if (!status.ok()) return status;
  encoder.ids.insert(encoder.ids.end(), encoder.scratch.begin(), encoder.scratch.end());
  if (word.size() <= kCachedWordBytes) {
    if (encoder.words.size() >= kCachedWords) {
      encoder.words.clear();
      encoder.cached_ids.clear();
    }
    encoder.words.emplace(std::string(word), Encoder::Cached{static_cast<uint32_t>(encoder.cached_ids.size()),
                                                             static_cast<uint32_t>(encoder.scratch.size())});
    encoder.cached_ids.insert(encoder.cached_ids.end(), encoder.scratch.begin(), encoder.scratch.end());
  }
  return Status();
}

// A word is a run of spaces and the run of other bytes after it.
size_t WordEnd(std::string_view text, size_t start) {
  size_t end = start;
  while (end < text.size() && text[end] == ' ') ++end;
  while (end < text.size() && text[end] != ' ') ++end;
  return end;
}

Status EncodeWords(Encoder& encoder, std::string_view text, bool starts_text) {
  size_t start = 0;
  if (starts_text && encoder.model->dummy_prefix && !text.empty()) {
    start = WordEnd(text, 0);
    encoder.prefixed.assign(1, ' ').append(text.substr(0, start));
    const Status status = EncodeWord(encoder, encoder.prefixed);
    if (!status.ok()) return status;
  }
  while (start < text.size()) {
    const size_t end = WordEnd(text, start);
    const Status status = EncodeWord(encoder, text.substr(start, end - start));
    if (!status.ok()) return status;
    start = end;
  }
  return Status();
}

Status EncodeSpan(Encoder& encoder, std::string_view text, bool starts_text) {
  if (encoder.model->words_independent) return EncodeWords(encoder, text, starts_text);
  const auto& processor = starts_text ? encoder.model->starting : encoder.model->continuing;
  const Status status = processor.Encode(text, &encoder.scratch);
  if (status.ok()) encoder.ids.insert(encoder.ids.end(), encoder.scratch.begin(), encoder.scratch.end());
  return status;
}

using NextSentence = int32_t (*)(void* state, const uint8_t** text, int64_t* length);

class CallbackSentences final : public sentencepiece::SentenceIterator {
 public:
  CallbackSentences(NextSentence next, void* state) : next_(next), state_(state) { Next(); }
  bool done() const override { return done_; }
  const std::string& value() const override { return value_; }
  Status status() const override { return status_; }

  void Next() override {
    const uint8_t* text = nullptr;
    int64_t length = 0;
    const int32_t answer = next_(state_, &text, &length);
    if (answer > 0) {
      value_.assign(reinterpret_cast<const char*>(text), static_cast<size_t>(length));
      return;
    }
    done_ = true;
    if (answer < 0) status_ = Status(sentencepiece::util::StatusCode::kAborted, "the corpus could not be read");
  }

 private:
  NextSentence next_;
  void* state_;
  std::string value_;
  Status status_;
  bool done_ = false;
};

template <typename Body>
int Guarded(Body body) {
  try {
    return body();
  } catch (const std::exception& error) {
    return Fail(error.what());
  } catch (...) {
    return Fail("unknown native error");
  }
}

}  // namespace

using ModelHandle = std::shared_ptr<const Model>;

RNNLM_EXPORT const char* rnnlm_spm_error() { return last_error.c_str(); }

// `starting` and `continuing` are serialized ModelProtos that differ in the dummy prefix only.
RNNLM_EXPORT int32_t rnnlm_spm_load(const uint8_t* starting, int64_t starting_length, const uint8_t* continuing,
                                    int64_t continuing_length, int32_t dummy_prefix, int32_t words_independent,
                                    const int32_t* space_symbol_bytes, ModelHandle** handle) {
  return Guarded([&] {
    auto model = std::make_shared<Model>();
    Status status = model->starting.LoadFromSerializedProto(
        std::string_view(reinterpret_cast<const char*>(starting), static_cast<size_t>(starting_length)));
    if (!status.ok()) return Fail(status.error_message());
    status = model->continuing.LoadFromSerializedProto(
        std::string_view(reinterpret_cast<const char*>(continuing), static_cast<size_t>(continuing_length)));
    if (!status.ok()) return Fail(status.error_message());
    model->dummy_prefix = dummy_prefix != 0;
    model->words_independent = words_independent != 0;
    std::memcpy(model->space_symbol_bytes, space_symbol_bytes, sizeof model->space_symbol_bytes);
    *handle = new ModelHandle(std::move(model));
    return 0;
  });
}

RNNLM_EXPORT void rnnlm_spm_unload(ModelHandle* handle) { delete handle; }

RNNLM_EXPORT int32_t rnnlm_spm_size(const ModelHandle* handle) { return (*handle)->starting.GetPieceSize(); }

RNNLM_EXPORT int32_t rnnlm_spm_padding_id(const ModelHandle* handle) { return (*handle)->starting.pad_id(); }

RNNLM_EXPORT int32_t rnnlm_spm_unknown_id(const ModelHandle* handle) { return (*handle)->starting.unk_id(); }

RNNLM_EXPORT int32_t rnnlm_spm_start_id(const ModelHandle* handle) { return (*handle)->starting.bos_id(); }

RNNLM_EXPORT int32_t rnnlm_spm_end_id(const ModelHandle* handle) { return (*handle)->starting.eos_id(); }

RNNLM_EXPORT int32_t rnnlm_spm_encoder_create(const ModelHandle* handle, Encoder** encoder) {
  return Guarded([&] {
    *encoder = new Encoder{*handle, {}, {}, {}, {}, {}};
    return 0;
  });
}

RNNLM_EXPORT void rnnlm_spm_encoder_free(Encoder* encoder) { delete encoder; }

// The ids stay valid until the encoder's next call.
RNNLM_EXPORT int32_t rnnlm_spm_encode(Encoder* encoder, const uint8_t* text, int64_t length, int32_t starts_text,
                                      const int32_t** ids, int64_t* count) {
  return Guarded([&] {
    encoder->ids.clear();
    std::string_view rest(reinterpret_cast<const char*>(text), static_cast<size_t>(length));
    bool starts = starts_text != 0;
    const int* bytes = encoder->model->space_symbol_bytes;
    while (!rest.empty()) {
      const size_t literal = bytes[0] >= 0 ? rest.find(kSpaceSymbol) : std::string_view::npos;
      const std::string_view span = rest.substr(0, literal);
      const Status status = EncodeSpan(*encoder, span, starts);
      if (!status.ok()) return Fail(status.error_message());
      starts = false;
      if (literal == std::string_view::npos) break;
      encoder->ids.insert(encoder->ids.end(), bytes, bytes + 3);
      rest.remove_prefix(literal + kSpaceSymbol.size());
    }
    *ids = encoder->ids.data();
    *count = static_cast<int64_t>(encoder->ids.size());
    return 0;
  });
}

// `receive` gets the whole text in one call.
RNNLM_EXPORT int32_t rnnlm_spm_decode(const ModelHandle* handle, const int32_t* ids, int64_t count, int32_t starts_text, void* state,
                                      void (*receive)(void* state, const uint8_t* bytes, int64_t length)) {
  return Guarded([&] {
    const Model& model = **handle;
    const auto& processor = starts_text ? model.starting : model.continuing;
    const std::vector<int> pieces(ids, ids + count);
    std::string text;
    const Status status = processor.Decode(pieces, &text);
    if (!status.ok()) return Fail(status.error_message());
    receive(state, reinterpret_cast<const uint8_t*>(text.data()), static_cast<int64_t>(text.size()));
    return 0;
  });
}

// Trains byte-pair pieces that give every text back: no normalisation, no white space dropped, bytes for what is not in the vocabulary.
RNNLM_EXPORT int32_t rnnlm_spm_train_bpe(int32_t vocabulary_size, int32_t most_sentence_bytes, NextSentence next, void* sentences_state,
                                         void* state, void (*receive)(void* state, const uint8_t* bytes, int64_t length)) {
  return Guarded([&] {
    CallbackSentences sentences(next, sentences_state);
    const std::unordered_map<std::string, std::string> arguments = {
        {"model_type", "bpe"},
        {"vocab_size", std::to_string(vocabulary_size)},
        // A small corpus may not have that many pairs to merge; the caller compares the sizes and says so.
        {"hard_vocab_limit", "false"},
        {"byte_fallback", "true"},
        {"normalization_rule_name", "identity"},
        {"remove_extra_whitespaces", "false"},
        {"add_dummy_prefix", "true"},
        {"max_sentence_length", std::to_string(most_sentence_bytes)},
        {"num_threads", "1"},
        {"minloglevel", "2"},
    };
    std::string model;
    const Status status = sentencepiece::SentencePieceTrainer::Train(arguments, &sentences, &model);
    if (!status.ok()) return Fail(status.error_message());
    receive(state, reinterpret_cast<const uint8_t*>(model.data()), static_cast<int64_t>(model.size()));
    return 0;
  });
}
