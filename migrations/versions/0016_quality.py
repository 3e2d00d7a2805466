"""Quality: samples and scores, root causes, monthly reports, riders' questions and answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "quality_run",
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "week", name="pk_quality_run"),
    )
    op.create_table(
        "score_sheet",
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("criteria", sa.JSON(), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("staff_id", _BIG, nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_score_sheet_staff_id_staff"),
        sa.PrimaryKeyConstraint("version", name="pk_score_sheet"),
    )
    op.create_table(
        "review",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("ref", _BIG, nullable=False),
        sa.Column("conversation_id", _BIG, nullable=True),
        sa.Column("case_id", _BIG, nullable=True),
        sa.Column("staff_id", _BIG, nullable=True),
        sa.Column("team", sa.String(length=12), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("ended_at", _AT, nullable=False),
        sa.Column("drawn_at", _AT, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("sheet", sa.Integer(), nullable=True),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("reviewer_id", _BIG, nullable=True),
        sa.Column("done_at", _AT, nullable=True),
        sa.Column("seen_at", _AT, nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_at", _AT, nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name="fk_review_conversation_id_conversation"
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["support_case.id"], name="fk_review_case_id_support_case"
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_review_staff_id_staff"),
        sa.ForeignKeyConstraint(["reviewer_id"], ["staff.id"], name="fk_review_reviewer_id_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_review"),
        sa.UniqueConstraint("week", "kind", "ref", name="uq_review_week_kind_ref"),
    )
    op.create_index("ix_review_staff_id", "review", ["staff_id"])
    op.create_index("ix_review_state", "review", ["state", "week"])
    op.create_table(
        "root_cause",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("parent_id", _BIG, nullable=True),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["root_cause.id"], name="fk_root_cause_parent_id_root_cause"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_root_cause"),
    )
    op.create_table(
        "case_cause",
        sa.Column("case_id", _BIG, nullable=False),
        sa.Column("cause_id", _BIG, nullable=False),
        sa.Column("staff_id", _BIG, nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["support_case.id"], name="fk_case_cause_case_id_support_case"
        ),
        sa.ForeignKeyConstraint(
            ["cause_id"], ["root_cause.id"], name="fk_case_cause_cause_id_root_cause"
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_case_cause_staff_id_staff"),
        sa.PrimaryKeyConstraint("case_id", name="pk_case_cause"),
    )
    op.create_index("ix_case_cause_cause_id", "case_cause", ["cause_id"])
    op.create_table(
        "cause_action",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("cause_id", _BIG, nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("owner_id", _BIG, nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("created_by", _BIG, nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("done_at", _AT, nullable=True),
        sa.Column("done_by", _BIG, nullable=True),
        sa.ForeignKeyConstraint(
            ["cause_id"], ["root_cause.id"], name="fk_cause_action_cause_id_root_cause"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["staff.id"], name="fk_cause_action_owner_id_staff"),
        sa.ForeignKeyConstraint(
            ["created_by"], ["staff.id"], name="fk_cause_action_created_by_staff"
        ),
        sa.ForeignKeyConstraint(["done_by"], ["staff.id"], name="fk_cause_action_done_by_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_cause_action"),
    )
    op.create_index("ix_cause_action_cause_id", "cause_action", ["cause_id"])
    op.create_table(
        "month_report",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("frozen_at", _AT, nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("month", name="pk_month_report"),
    )
    op.create_table(
        "knowledge",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("created_by", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["staff.id"], name="fk_knowledge_created_by_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_knowledge"),
    )
    op.create_table(
        "knowledge_version",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("article_id", _BIG, nullable=False),
        sa.Column("lang", sa.String(length=8), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("question", sa.String(length=200), nullable=False),
        sa.Column("phrasings", sa.JSON(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("proposed_by", _BIG, nullable=False),
        sa.Column("proposed_at", _AT, nullable=False),
        sa.Column("decided_by", _BIG, nullable=True),
        sa.Column("decided_at", _AT, nullable=True),
        sa.Column("valid_from", _AT, nullable=True),
        sa.Column("withdrawn_by", _BIG, nullable=True),
        sa.Column("withdrawn_at", _AT, nullable=True),
        sa.Column("why", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"], ["knowledge.id"], name="fk_knowledge_version_article_id_knowledge"
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["staff.id"], name="fk_knowledge_version_proposed_by_staff"
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["staff.id"], name="fk_knowledge_version_decided_by_staff"
        ),
        sa.ForeignKeyConstraint(
            ["withdrawn_by"], ["staff.id"], name="fk_knowledge_version_withdrawn_by_staff"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_knowledge_version"),
        sa.UniqueConstraint(
            "article_id", "lang", "version", name="uq_knowledge_version_article_id_lang_version"
        ),
    )
    op.create_index("ix_knowledge_version_state", "knowledge_version", ["state"])
    op.create_table(
        "knowledge_use",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("version_id", _BIG, nullable=False),
        sa.Column("rider_id", _BIG, nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(length=8), nullable=False),
        sa.Column("outcome_at", _AT, nullable=True),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["knowledge_version.id"],
            name="fk_knowledge_use_version_id_knowledge_version",
        ),
        sa.ForeignKeyConstraint(["rider_id"], ["rider.id"], name="fk_knowledge_use_rider_id_rider"),
        sa.PrimaryKeyConstraint("id", name="pk_knowledge_use"),
        sa.UniqueConstraint("key", name="uq_knowledge_use_key"),
    )
    op.create_index("ix_knowledge_use_at", "knowledge_use", ["at"])
    op.create_index("ix_knowledge_use_rider_id", "knowledge_use", ["rider_id"])
    op.create_index("ix_knowledge_use_version_id", "knowledge_use", ["version_id"])
    op.create_table(
        "faq_question",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("lang", sa.String(length=8), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("riders", sa.Integer(), nullable=False),
        sa.Column("examples", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("article_id", _BIG, nullable=True),
        sa.ForeignKeyConstraint(
            ["article_id"], ["knowledge.id"], name="fk_faq_question_article_id_knowledge"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_faq_question"),
    )
    op.create_index("ix_faq_question_week", "faq_question", ["week", "lang"])


def downgrade() -> None:
    op.drop_table("faq_question")
    op.drop_table("knowledge_use")
    op.drop_table("knowledge_version")
    op.drop_table("knowledge")
    op.drop_table("month_report")
    op.drop_table("cause_action")
    op.drop_table("case_cause")
    op.drop_table("root_cause")
    op.drop_table("review")
    op.drop_table("score_sheet")
    op.drop_table("quality_run")
