"""Every table in one import: what the migrations and `create_all` need to see."""

from bot.store.base import Base
from bot.store.bookings import Booking, BookingCell, BookingChange, BookingRules
from bot.store.cases import (
    Case,
    CaseEntry,
    CaseLink,
    CaseRoute,
    Clock,
    ClockEvent,
    ClockPolicy,
    Outage,
    OutageRider,
    PartnerKey,
    PolicyChange,
    SitePartner,
)
from bot.store.charging import Bill, ChargingSession, CreditNote, Hold, LedgerEntry, Refund, Series
from bot.store.desk import (
    CannedReply,
    ConsoleEvent,
    ConversationLabel,
    ConversationMark,
    Incident,
    IncidentEntry,
    OpeningHours,
    SavedView,
    StaffAction,
    StaffShift,
    Viewer,
)
from bot.store.devices import Command, PileEvent
from bot.store.diversion import Diversion
from bot.store.feedback import Feedback, FeedbackWish
from bot.store.figures import StaffHour, StationHour
from bot.store.invoices import Buyer, Invoice, InvoicedOrder, InvoiceFile, LegalEntity, ReceiptWatch
from bot.store.jobs import Job, JobEntry
from bot.store.knowledge import AnswerGiven, Article, ArticleVersion, Question
from bot.store.limits import RateWindow
from bot.store.maintenance import Certificate, StaleStatus, Visit, VisitPlan
from bot.store.messaging import ContentTemplate
from bot.store.offers import (
    Coupon,
    CouponTemplate,
    MeterCheck,
    Plan,
    PlanOffer,
    PlanUse,
    RefundRequest,
)
from bot.store.pile_setup import PileSetup, SocketTest
from bot.store.prediction import EvseDay, EvseRisk, FaultSeen, Prediction, RiskModel, SocketWatch
from bot.store.quality import (
    CaseCause,
    CauseAction,
    MonthReport,
    QualityRun,
    Review,
    RootCause,
    ScoreSheet,
)
from bot.store.queues import Inbox, Outbox
from bot.store.remote import Firmware, FirmwareUpdate, PileLog, PileVariable, Rollout
from bot.store.riders import Conversation, Media, Message, Rider, RiderAddress, WebLogin, WebSession
from bot.store.sensing import EvseSample, PileAlarm, SensorAlarm, SensorLimit
from bot.store.staff import Audit, LoginThrottle, RecoveryCode, Staff, StaffSession
from bot.store.stations import Evse, Pile, Station, Tariff, TariffProposal, TariffVersion
from bot.store.understood import Understood
from bot.store.waiting import (
    BlockedBay,
    FreeEstimate,
    Habit,
    HourForecast,
    LaterStart,
    PowerShare,
    QueueEvent,
    Waiter,
)
from bot.store.wallet import AutoTopUp, Payout, TopUp, Wallet, WalletEntry, WalletMember

__all__ = [
    "AnswerGiven", "Article", "ArticleVersion", "Audit", "AutoTopUp", "Base", "Bill", "BlockedBay",
    "Booking", "BookingCell", "BookingChange", "BookingRules", "Buyer", "CannedReply", "Case",
    "CaseCause", "CaseEntry", "CaseLink", "CaseRoute", "CauseAction", "Certificate",
    "ChargingSession", "Clock", "ClockEvent", "ClockPolicy", "Command", "ConsoleEvent",
    "ContentTemplate", "Conversation", "ConversationLabel", "ConversationMark", "Coupon",
    "CouponTemplate", "CreditNote", "Diversion", "Evse", "EvseDay", "EvseRisk", "EvseSample",
    "FaultSeen", "Feedback", "FeedbackWish", "Firmware", "FirmwareUpdate", "FreeEstimate", "Habit",
    "Hold", "HourForecast", "Inbox", "Incident", "IncidentEntry", "Invoice", "InvoiceFile",
    "InvoicedOrder", "Job", "JobEntry", "LaterStart", "LedgerEntry", "LegalEntity",
    "LoginThrottle", "Media", "Message", "MeterCheck", "MonthReport", "OpeningHours", "Outage",
    "OutageRider", "Outbox", "PartnerKey", "Payout", "Pile", "PileAlarm", "PileEvent", "PileLog",
    "PileSetup", "PileVariable", "Plan", "PlanOffer", "PlanUse", "PolicyChange", "PowerShare",
    "Prediction", "QualityRun", "Question", "QueueEvent", "RateWindow", "ReceiptWatch",
    "RecoveryCode", "Refund", "RefundRequest", "Review", "Rider", "RiderAddress", "RiskModel",
    "Rollout", "RootCause", "SavedView", "ScoreSheet", "SensorAlarm", "SensorLimit", "Series",
    "SitePartner", "SocketTest", "SocketWatch", "Staff", "StaffAction", "StaffHour",
    "StaffSession", "StaffShift", "StaleStatus", "Station", "StationHour", "Tariff",
    "TariffProposal", "TariffVersion", "TopUp", "Understood", "Viewer", "Visit", "VisitPlan",
    "Waiter", "Wallet", "WalletEntry", "WalletMember", "WebLogin", "WebSession",
]  # fmt: skip
