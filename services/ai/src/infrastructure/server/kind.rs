//! Which models of a server's list can chat. Lists hold models that turn texts into vectors, draw, listen or judge as well.

use serde_json::Value;

/// Members that say what a model is.
const MEMBERS: &[&str] = &[
    "type",
    "mode",
    "task",
    "model_type",
    "pipeline_tag",
    "kind",
    "category",
];
/// What they say of models that can chat.
const CHAT: &[&str] = &[
    "chat",
    "llm",
    "vlm",
    "language",
    "text-generation",
    "text generation",
    "image-text-to-text",
    "completion",
    "code",
];
/// What they say, or what the names say, of those that can't.
const OTHERS: &[&str] = &[
    "embed",
    "rerank",
    "similarity",
    "feature-extraction",
    "moderation",
    "classif",
    "image",
    "audio",
    "speech",
    "transcri",
    "video",
    "tts",
    "stt",
    "translation",
    "diffusion",
    "ocr",
];
/// Parts of the names of models that can't chat and don't say so.
const NAME_PARTS: &[&str] = &[
    "embed",
    "rerank",
    "minilm",
    "mxbai",
    "sentence-",
    "paraphrase-",
    "text-similarity",
    "text-search",
    "whisper",
    "transcribe",
    "speech",
    "dall-e",
    "dalle",
    "gpt-image",
    "diffusion",
    "sdxl",
    "moderation",
    "colbert",
    "parakeet",
    "kokoro",
    "musicgen",
    "gpt-audio",
    "-realtime",
    "llama-guard",
    "llamaguard",
    "shieldgemma",
    "prompt-guard",
    "babbage-002",
    "davinci-002",
];
/// Whole words of such names.
const NAME_WORDS: &[&str] = &[
    "tts", "stt", "asr", "flux", "veo", "sora", "imagen", "bge", "gte", "e5", "clip", "siglip",
    "voyage", "bark",
];

/// Whether a model of a list can chat, by what the list says of it, or else by its name.
pub(super) fn can_chat(id: &str, model: &Value) -> bool {
    told_by_capabilities(model)
        .or_else(|| told_by_kind(model))
        .unwrap_or_else(|| sounds_like_chat(id))
}

fn told_by_kind(model: &Value) -> Option<bool> {
    let kinds = MEMBERS.iter().filter_map(|key| model.get(*key));
    let kinds = kinds
        .filter_map(|kind| kind.get("name").unwrap_or(kind).as_str())
        .map(str::to_lowercase);
    for kind in kinds {
        if CHAT.iter().any(|word| kind == *word) {
            return Some(true);
        }
        if OTHERS.iter().any(|word| kind.contains(word)) {
            return Some(false);
        }
    }
    None
}

fn told_by_capabilities(model: &Value) -> Option<bool> {
    let has_any = |list: &Value, words: &[&str]| {
        let mut texts = list
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        texts.any(|text| words.contains(&&*text.to_lowercase()))
    };
    // Ollama and LM Studio. Other features, such as tools and vision, say nothing.
    let features = model.get("capabilities").unwrap_or(&Value::Null);
    if has_any(
        features,
        &[
            "completion",
            "chat",
            "generate",
            "text-generation",
            "chat_completion",
        ],
    ) {
        return Some(true);
    }
    if has_any(features, &["embedding", "embeddings", "embed", "rerank"]) {
        return Some(false);
    }
    let lists: [(Option<&Value>, &[&str]); 3] = [
        // Cohere, Gemini, OpenRouter.
        (model.get("endpoints"), &["chat", "generate"]),
        (
            model.get("supportedGenerationMethods"),
            &["generatecontent"],
        ),
        (
            model
                .get("architecture")
                .and_then(|it| it.get("output_modalities")),
            &["text"],
        ),
    ];
    let mut told = lists.into_iter().filter_map(|(list, words)| {
        let list = list.filter(|list| list.as_array().is_some_and(|list| !list.is_empty()))?;
        Some(has_any(list, words))
    });
    // Mistral.
    told.next()
        .or_else(|| features.get("completion_chat")?.as_bool())
}

fn sounds_like_chat(id: &str) -> bool {
    let name = id.to_lowercase();
    let mut words = name.split(|char: char| !char.is_ascii_alphanumeric());
    !NAME_PARTS.iter().any(|part| name.contains(part))
        && !words.any(|word| NAME_WORDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn knows_models_by_their_names() {
        for id in [
            "text-embedding-3-small",
            "nomic-embed-text:latest",
            "BAAI/bge-m3",
            "intfloat/e5-mistral-7b-instruct",
            "all-minilm",
            "bge-reranker-v2-m3",
            "whisper-large-v3",
            "gpt-4o-mini-tts",
            "gpt-image-1",
            "dall-e-3",
            "black-forest-labs/FLUX.1-dev",
            "stable-diffusion-xl",
            "omni-moderation-latest",
            "meta-llama/Llama-Guard-4-12B",
            "sora-2",
            "gpt-4o-realtime-preview",
        ] {
            assert!(!sounds_like_chat(id), "{id}");
        }
        for id in [
            "gpt-5-mini",
            "llama3.2:latest",
            "mistralai/Mistral-Small",
            "gemma-3-27b-it",
            "qwen2.5-vl-7b",
            "deepseek-chat",
            "a",
            "openrouter/auto",
            "magnum-v4",
            "gpt-4o",
            "claude-sonnet-5",
            "L3-8B-Stheno",
            "phi-4-multimodal",
        ] {
            assert!(sounds_like_chat(id), "{id}");
        }
    }

    #[test]
    fn believes_what_a_list_says_rather_than_a_name() {
        for (model, expected) in [
            (json!({"type": "embeddings"}), false),
            (json!({"type": "image"}), false),
            (json!({"type": "llm"}), true),
            (json!({"mode": "audio_transcription"}), false),
            (json!({"task": {"name": "Text Embeddings"}}), false),
            (json!({"task": {"name": "Text Generation"}}), true),
            (json!({"capabilities": ["embedding"]}), false),
            (json!({"capabilities": ["completion", "vision"]}), true),
            (json!({"capabilities": {"completion_chat": false}}), false),
            (json!({"endpoints": ["embed"]}), false),
            (
                json!({"supportedGenerationMethods": ["embedContent"]}),
                false,
            ),
            (
                json!({"architecture": {"output_modalities": ["image"]}}),
                false,
            ),
            (
                json!({"architecture": {"output_modalities": ["image", "text"]}}),
                true,
            ),
            (json!({"capabilities": ["tools"]}), true),
            (json!({"object": "model"}), true),
        ] {
            assert_eq!(can_chat("some-name", &model), expected, "{model}");
        }
        assert!(can_chat("chat-with-embedding", &json!({"type": "chat"})));
    }
}
