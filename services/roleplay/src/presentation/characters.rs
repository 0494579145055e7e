//! `CharacterService`.

use mesh::Ctx;
use service::{Pages, RequestKey, fields};
use tonic::{Request, Response, Status};
use troupe_proto::roleplay as pb;
use troupe_proto::roleplay::character_service_server::CharacterService;

use super::answers::{answers, chat};
use super::convert::avatar::{addresses, asked_address, asked_size, image, keep, set_etag};
use super::convert::character::{
    asked_spec, file, http_etag, listed, patch, seen, seen_etag, whole,
};
use super::convert::download::{attachment, warnings_header};
use super::messages::Answers;
use crate::application::{CardFile, CardUpload, Characters, Chats};
use crate::domain::character::Character;

/// What is read with a token is asked for again, and shown again if it is the same.
const ASK_AGAIN: &str = "private, no-cache";
/// What an address leads to never changes.
const KEEP: &str = "private, max-age=31536000, immutable";
/// The header of what an exported file doesn't have.
const WARNINGS: &str = "x-card-warnings";

pub(super) struct CharacterApi {
    pub(super) characters: Characters,
    pub(super) chats: Chats,
    pub(super) pages: Pages,
}

#[tonic::async_trait]
impl CharacterService for CharacterApi {
    type AnswerChatStream = Answers<pb::AnswerChatResponse>;

    async fn create_character(
        &self,
        request: Request<pb::CreateCharacterRequest>,
    ) -> Result<Response<pb::CreateCharacterResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("CreateCharacter", id, &request)?;
        let (card, sharing) = patch(request.character.unwrap_or_default(), None)?;
        let made = self.characters.create_character(&ctx, card, sharing, key);
        let character = made.await?;
        Ok(Response::new(pb::CreateCharacterResponse {
            character: Some(self.shown(&character, whole)),
        }))
    }

    async fn import_character(
        &self,
        request: Request<pb::ImportCharacterRequest>,
    ) -> Result<Response<pb::ImportCharacterResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let mut request = request.into_inner();
        let id = std::mem::take(&mut request.request_id);
        let key = RequestKey::of("ImportCharacter", id, &request)?;
        let upload = CardUpload {
            file: request.file.unwrap_or_default().data.into(),
            name: fields::text("name", request.name)?,
        };
        let imported = self.characters.import_character(&ctx, upload, key);
        let (character, warnings) = imported.await?;
        Ok(Response::new(pb::ImportCharacterResponse {
            character: Some(self.shown(&character, whole)),
            warnings: warnings.iter().map(ToString::to_string).collect(),
        }))
    }

    async fn list_characters(
        &self,
        request: Request<pb::ListCharactersRequest>,
    ) -> Result<Response<pb::ListCharactersResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let show: fn(&Character) -> pb::Character = match request.view() {
            pb::CharacterView::Unspecified | pb::CharacterView::Basic => listed,
            pb::CharacterView::Full => whole,
        };
        let scope = format!("characters/{}/{}", ctx.user_id()?, request.query);
        let page = (self.pages).read(scope, request.page_size, &request.page_token)?;
        let query = fields::text("query", request.query)?;
        let (characters, more) = self
            .characters
            .list_characters(&ctx, &query, page.after, page.size())
            .await?;
        let next = characters.last().filter(|_| more).map(|last| last.id);
        Ok(Response::new(pb::ListCharactersResponse {
            characters: characters.iter().map(|it| self.shown(it, show)).collect(),
            next_page_token: page.next(next),
        }))
    }

    async fn get_character(
        &self,
        request: Request<pb::GetCharacterRequest>,
    ) -> Result<Response<pb::GetCharacterResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("character_id", &request.get_ref().character_id)?;
        let (character, sight) = self.characters.see_character(&ctx, id).await?;
        let character = seen(&self.characters, &character, sight);
        let etag = http_etag(&character);
        let character = Some(character);
        let mut response = Response::new(pb::GetCharacterResponse { character });
        set_etag(&mut response, &etag);
        Ok(response)
    }

    async fn update_character(
        &self,
        request: Request<pb::UpdateCharacterRequest>,
    ) -> Result<Response<pb::UpdateCharacterResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let character = request.character.unwrap_or_default();
        let id = fields::id("character.id", &character.id)?;
        let etag = seen_etag(&character.etag).to_owned();
        let (card, sharing) = patch(character, request.update_mask)?;
        let changed = self
            .characters
            .update_character(&ctx, id, card, sharing, &etag);
        let character = changed.await?;
        Ok(Response::new(pb::UpdateCharacterResponse {
            character: Some(self.shown(&character, whole)),
        }))
    }

    async fn delete_character(
        &self,
        request: Request<pb::DeleteCharacterRequest>,
    ) -> Result<Response<pb::DeleteCharacterResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("character_id", &request.get_ref().character_id)?;
        let etag = seen_etag(&request.get_ref().etag).to_owned();
        self.characters
            .delete_characters(&ctx, vec![id], etag)
            .await?;
        Ok(Response::new(pb::DeleteCharacterResponse {}))
    }

    async fn batch_delete_characters(
        &self,
        request: Request<pb::BatchDeleteCharactersRequest>,
    ) -> Result<Response<pb::BatchDeleteCharactersResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let ids = fields::ids("character_ids", &request.get_ref().character_ids)?;
        self.characters
            .delete_characters(&ctx, ids, String::new())
            .await?;
        Ok(Response::new(pb::BatchDeleteCharactersResponse {}))
    }

    async fn export_character(
        &self,
        request: Request<pb::ExportCharacterRequest>,
    ) -> Result<Response<pb::ExportCharacterResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let id = fields::id("character_id", &request.character_id)?;
        let (form, content_type, extension) = match request.format() {
            pb::CardFormat::Unspecified | pb::CardFormat::Png => {
                (CardFile::Png, "image/png", "png")
            }
            pb::CardFormat::Json => (CardFile::Json, "application/json", "json"),
            pb::CardFormat::Charx => (CardFile::Charx, "application/zip", "charx"),
            pb::CardFormat::JpegCharx => (CardFile::JpegCharx, "image/jpeg", "jpg"),
        };
        let spec = asked_spec(request.spec());
        let card = self
            .characters
            .export_character(&ctx, id, form, spec)
            .await?;
        let warnings: Vec<String> = card.losses.iter().map(ToString::to_string).collect();
        let told = warnings_header(&warnings);
        let mut response = Response::new(pb::ExportCharacterResponse {
            file: Some(file(content_type, card.bytes)),
            warnings,
        });
        if let Some(header) = told {
            response.metadata_mut().insert(WARNINGS, header);
        }
        if let Some(header) = attachment(&card.name, extension) {
            let metadata = response.metadata_mut();
            metadata.insert("content-disposition", header);
        }
        Ok(response)
    }

    async fn get_avatar(
        &self,
        request: Request<pb::GetAvatarRequest>,
    ) -> Result<Response<pb::GetAvatarResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("character_id", &request.get_ref().character_id)?;
        let size = asked_size(request.get_ref().size());
        let shown = self.characters.get_avatar(&ctx, id, size).await?;
        let mut response = Response::new(pb::GetAvatarResponse {
            image: image(shown.size, shown.bytes),
        });
        keep(&mut response, ASK_AGAIN, &shown.version, shown.size);
        Ok(response)
    }

    async fn upload_avatar(
        &self,
        request: Request<pb::UploadAvatarRequest>,
    ) -> Result<Response<pb::UploadAvatarResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let request = request.into_inner();
        let id = fields::id("character_id", &request.character_id)?;
        let file = request.image.unwrap_or_default().data.into();
        let etag = seen_etag(&request.etag).to_owned();
        let character = self.characters.upload_avatar(&ctx, id, file, etag).await?;
        Ok(Response::new(pb::UploadAvatarResponse {
            character: Some(self.shown(&character, whole)),
        }))
    }

    async fn delete_avatar(
        &self,
        request: Request<pb::DeleteAvatarRequest>,
    ) -> Result<Response<pb::DeleteAvatarResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("character_id", &request.get_ref().character_id)?;
        let etag = seen_etag(&request.get_ref().etag).to_owned();
        self.characters.delete_avatar(&ctx, id, etag).await?;
        Ok(Response::new(pb::DeleteAvatarResponse {}))
    }

    async fn get_signed_avatar(
        &self,
        request: Request<pb::GetSignedAvatarRequest>,
    ) -> Result<Response<pb::GetSignedAvatarResponse>, Status> {
        let address = asked_address(request.get_ref())?;
        let signature = &request.get_ref().signature;
        let shown = self.characters.get_signed_avatar(&address, signature);
        let shown = shown.await?;
        let mut response = Response::new(pb::GetSignedAvatarResponse {
            image: image(shown.size, shown.bytes),
        });
        keep(&mut response, KEEP, &shown.version, shown.size);
        Ok(response)
    }

    async fn get_character_asset(
        &self,
        request: Request<pb::GetCharacterAssetRequest>,
    ) -> Result<Response<pb::GetCharacterAssetResponse>, Status> {
        let ctx = Ctx::of(&request)?;
        let id = fields::id("character_id", &request.get_ref().character_id)?;
        let asset = fields::id("asset_id", &request.get_ref().asset_id)?;
        let found = self.characters.get_character_asset(&ctx, id, asset).await?;
        let (asset, bytes) = found;
        Ok(Response::new(pb::GetCharacterAssetResponse {
            file: Some(file(&asset.media_type, bytes)),
        }))
    }

    async fn answer_chat(
        &self,
        request: Request<pb::AnswerChatRequest>,
    ) -> Result<Response<Self::AnswerChatStream>, Status> {
        let ctx = Ctx::of(&request)?;
        let answer = self.chats.answer_chat(&ctx, chat(request.into_inner())?);
        Ok(Response::new(answers(answer.await?)))
    }
}

impl CharacterApi {
    /// A character as an answer shows it, with the addresses of its picture.
    fn shown(&self, character: &Character, show: fn(&Character) -> pb::Character) -> pb::Character {
        pb::Character {
            avatar: addresses(&self.characters, character),
            ..show(character)
        }
    }
}
