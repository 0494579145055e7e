use proptest::prelude::*;
use serde_json::json;

use super::*;

proptest! {
    #[test]
    fn a_prompt_never_exceeds_its_window_and_keeps_history_whole(
        window in 20_u32..400,
        lengths in prop::collection::vec(1_usize..40, 0..20),
        pin_examples in any::<bool>(),
        is_chat in any::<bool>(),
        remembered in prop::collection::vec((0_usize..25, 1_usize..30, any::<bool>(), 0.0_f32..1.0), 0..12),
        budget_percent in 0_u32..60,
    ) {
        let card = a_card(json!({}));
        let chat: Vec<Turn<'static>> = lengths.iter().enumerate().map(|(index, length)| Turn {
            id: index.to_string().into(),
            role: if index % 2 == 0 { Role::Assistant } else { Role::User },
            name: "".into(),
            text: "word ".repeat(*length).into(),
        }).collect();
        let form = if is_chat { Form::Chat } else { Form::Text };
        let memories: Vec<Recalled> = remembered.iter().enumerate().map(|(index, (message, length, pinned, score))| Recalled {
            id: format!("memory {index}"),
            message_id: (*message < 22).then(|| message.to_string()),
            text: "past ".repeat(*length),
            pinned: *pinned,
            score: Some(*score),
        }).collect();
        let memory = MemorySettings { budget_percent, ..MemorySettings::default() };
        let settings = Settings { window_tokens: window, max_reply_tokens: 10, pin_examples, memory, ..settings(form) };
        let material = Material { memories: &memories, ..Material::new(&card, &chat) };
        let Ok(compiled) = Draft::new(&material, &settings, 1).unwrap().fit(words) else { return Ok(()) };
        prop_assert!(compiled.receipt.prompt_tokens + 10 <= window);
        let spans = compiled.receipt.spans.iter();
        let ids: Vec<usize> = spans.filter(|span| span.source.name() == "message")
            .map(|span| span.source.id().unwrap().parse().unwrap()).collect();
        let expected: Vec<usize> = (chat.len() - ids.len()..chat.len()).collect();
        prop_assert_eq!(&ids, &expected);
        let told: u32 = compiled.receipt.memory.memories.iter()
            .filter(|memory| memory.outcome == Outcome::Recalled).map(|memory| memory.tokens).sum();
        prop_assert!(told <= window * budget_percent / 100);
        for memory in &compiled.receipt.memory.memories {
            let said = memory.message_id.as_ref().is_some_and(|id| ids.contains(&id.parse().unwrap()));
            prop_assert!(!(said && memory.outcome.is_in()), "said twice: {memory:?}");
        }
    }

    #[test]
    fn arbitrary_texts_never_panic(
        texts in prop::array::uniform5("[{}<>a-zA-Z:\n ]{0,40}"),
        content in "[@{}a-z\n ]{0,40}",
        key in "[/a-z{}().*+]{0,8}",
    ) {
        let [description, mes_example, system_prompt, message, user] = texts;
        let card = a_card(json!({"description": description, "mes_example": mes_example, "system_prompt": system_prompt}));
        let book = a_book(json!([{"keys": [key], "content": content}, {"constant": true, "content": content}]));
        let chat = vec![Turn { id: "0".into(), role: Role::User, name: "".into(), text: message.into() }];
        let persona = Persona { name: &user, description: "" };
        let material = Material { lore: Some(&book), persona, ..Material::new(&card, &chat) };
        for form in [Form::Chat, Form::Text] {
            compile(&material, &settings(form));
        }
    }
}
